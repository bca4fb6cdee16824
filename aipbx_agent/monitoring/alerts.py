"""`aipbx-agent alerts`: what fires on this host now, and whether its monitoring works at all."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import Any

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError
from aipbx_agent.monitoring import client

# It always fires (files/monitoring/alerts.yml).
WATCHDOG = "Watchdog"
# Seconds that monitoring has from its start to its first alert: two evaluations, and what a busy host takes longer.
STARTING_SECONDS = 180


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Report it."""
    events.result(**firing(config))


def firing(config: Config) -> dict[str, Any]:
    """Return what fires, the worst first, and whether monitoring works.

    Raises:
        AgentError: there is no monitoring, or it does not answer.
    """
    alerts = client.ask(config, "alertmanager", "/api/v2/alerts")
    ours = [_alert(alert) for alert in alerts if alert["labels"]["alertname"] != WATCHDOG]
    works = len(ours) < len(alerts) or _is_starting(config)
    return {"works": works, "alerts": sorted(ours, key=lambda alert: (alert["severity"] != "page", alert["name"]))}


def notifies(config: Config) -> bool:
    """Return whether Alertmanager notifies the team of this host's states: then the agent does not."""
    try:
        return bool(firing(config)["works"])
    except AgentError:
        return False


def summary(config: Config) -> dict[str, Any] | None:
    """The same for `aipbx-agent state`, in words; None: this host has no monitoring."""
    if not config.raw.get("monitoring"):
        return None
    try:
        alerts = firing(config)
    except AgentError as problem:
        return {"works": False, "why": problem.what, "page": [], "ticket": []}
    heard = [alert for alert in alerts["alerts"] if not alert["silenced"]]
    why = "" if alerts["works"] else "Prometheus sends Alertmanager nothing."
    by_severity = {
        severity: sorted({alert["name"] for alert in heard if alert["severity"] == severity})
        for severity in ("page", "ticket")
    }
    return {"works": alerts["works"], "why": why, **by_severity}


def _alert(alert: dict[str, Any]) -> dict[str, Any]:
    labels, annotations = alert["labels"], alert["annotations"]
    return {
        "name": labels["alertname"],
        "severity": labels.get("severity", "ticket"),
        "summary": annotations.get("summary", ""),
        "action": annotations.get("action", ""),
        "runbook": annotations.get("runbook", ""),
        "since": alert["startsAt"][:19] + "Z",
        "silenced": bool(alert["status"]["silencedBy"]),
    }


def _is_starting(config: Config) -> bool:
    began = client.ask(config, "prometheus", "/api/v1/status/runtimeinfo")["data"]["startTime"]
    # Fractions as Go writes them are more than Python 3.10 reads.
    moment = datetime.strptime(began[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return (datetime.now(timezone.utc) - moment).total_seconds() < STARTING_SECONDS
