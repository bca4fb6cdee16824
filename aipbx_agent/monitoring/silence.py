"""`aipbx-agent silence`: no alert of this host notifies anyone for a while; a run's own silence ends with it.

Every silence has an end, so one that a killed run leaves ends as well.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from aipbx_agent.core import events, runs
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError
from aipbx_agent.monitoring import client

# As whom runs of this host silence what they cause.
AGENT = "aipbx-agent"
# What lasts longer than a run should is reported, whatever its run says.
RUN_SECONDS = 2 * 3600
# What a switch or a restore causes while it is under way, and what its load makes of a small host.
CAUSED = (
    "DatabaseConnectionsHigh",
    "ErrorRatioHigh",
    "LatencyHigh",
    "LongTransaction",
    "MemoryLow",
    "ServiceRestarting",
    "ServiceUnhealthy",
    "WalArchiveBehind",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether silences are lifted instead."""
    parser.add_argument("--lift", action="store_true", help="end those that operators asked for")


def main(config: Config, options: argparse.Namespace) -> None:
    """Silence, as standard input says: seconds, reason, operator, alert (empty: every one)."""
    if options.lift:
        events.result(lifted=lift(config, lambda silence: not _is_run(silence)))
        return
    request = json.load(sys.stdin)
    names = [request["alert"]] if request["alert"] else []
    until = begin(config, names, request["seconds"], request["operator"], request["reason"])
    events.result(until=until)


def begin(config: Config, names: list[str], seconds: float, who: str, reason: str) -> str:
    """Silence alerts from now on.

    Args:
        names: which; none: every one.
        seconds: for how long.
        who: asks for it.
        reason: why.

    Returns: until when, UTC.

    Raises:
        AgentError: there is no monitoring, or it does not answer.
    """
    now = datetime.now(timezone.utc)
    end = now + timedelta(seconds=seconds)
    silence = {
        "matchers": [{"name": "alertname", "value": "|".join(names) or ".+", "isRegex": True, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": end.isoformat(),
        "createdBy": who,
        "comment": reason,
    }
    client.ask(config, "alertmanager", "/api/v2/silences", silence)
    return f"{end:%Y-%m-%dT%H:%M:%SZ}"


def lift(config: Config, which: Callable[[dict[str, Any]], bool]) -> int:
    """End silences, and return how many.

    Args:
        which: picks them, as Alertmanager shows them.

    Raises:
        AgentError: there is no monitoring, or it does not answer.
    """
    every = client.ask(config, "alertmanager", "/api/v2/silences")
    lifted = [silence for silence in every if silence["status"]["state"] != "expired" and which(silence)]
    for silence in lifted:
        client.ask(config, "alertmanager", f"/api/v2/silence/{silence['id']}", method="DELETE")
    return len(lifted)


@contextmanager
def during(config: Config, verb: str) -> Iterator[None]:
    """Silence what a run causes itself, while it is under way.

    Args:
        verb: of the run.
    """
    _tried(config, lambda: begin(config, list(CAUSED), RUN_SECONDS, AGENT, verb))
    try:
        yield
    finally:
        _tried(config, lambda: lift(config, lambda silence: _is_run(silence) and silence["comment"] == verb))


def cleanup(config: Config) -> None:
    """End what runs of this host silenced that are over: one that was killed could not."""

    def over() -> None:
        under_way = {run.verb for run in runs.current() if run.process}
        lift(config, lambda silence: _is_run(silence) and silence["comment"] not in under_way)

    _tried(config, over)


def _is_run(silence: dict[str, Any]) -> bool:
    return bool(silence["createdBy"] == AGENT)


def _tried(config: Config, act: Callable[[], object]) -> None:
    """Do it where there is monitoring; where that does not answer, no run stops for it."""
    if not config.raw.get("monitoring"):
        return
    try:
        act()
    except AgentError as problem:
        events.note(f"Its alerts are not silenced, or for longer than they should be: {problem.what}")
