"""`aipbx-agent alerted`: a report of Alertmanager, sent to the team; systemd starts it for each connection.

Standard input is the connection (files/monitoring/aipbx-alerts@.service): a request of HTTP, and the way back.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import IO, Any

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.report import notify

MOST_BYTES = 1 << 20


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Send it, and answer: Alertmanager tries again what could not be sent.

    Raises:
        Failed: no one could be notified, or the request is another one.
    """
    try:
        report = json.loads(_body(sys.stdin.buffer))
        title, text = message(config.host, report)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        _answer("400 Bad Request")
        raise Failed("The request is not from Alertmanager.", repr(problem), "Who calls this port?") from None
    if not notify.send(config, title, text) and notify.receivers(config.secrets):
        _answer("503 Service Unavailable")
        raise Failed(
            "The team was not notified of an alert.", title, "Alertmanager tries again. inv env.check: ALERT_*"
        )
    _answer("200 OK")


def message(host: str, report: dict[str, Any]) -> tuple[str, str]:
    """Title and text of a report: what fires, each with what to do and its page, then what is over.

    Args:
        host: this one.
        report: as Alertmanager's webhook sends it.
    """
    fires = [alert for alert in report["alerts"] if alert["status"] == "firing"]
    over = [alert for alert in report["alerts"] if alert["status"] == "resolved"]
    names = ", ".join(dict.fromkeys(alert["labels"]["alertname"] for alert in fires or over))
    severities = {alert["labels"].get("severity") for alert in fires}
    kind = "ALERT" if "page" in severities else "warning" if fires else "resolved"
    lines = [line for alert in fires for line in _lines(alert["annotations"])]
    lines += [f"Resolved: {alert['annotations']['summary']}" for alert in over]
    return f"{host}: {kind}: {names}", "\n".join(lines)


def _lines(annotations: dict[str, str]) -> list[str]:
    return [annotations["summary"], f"Do: {annotations['action']}", f"Page: {annotations['runbook']}"]


def _body(connection: IO[bytes]) -> bytes:
    """Return the body of the request.

    Raises:
        ValueError: it says no length, or too much.
    """
    length = None
    while (line := connection.readline(65536).strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length is None or length > MOST_BYTES:
        raise ValueError(f"a body of {length} bytes")
    return connection.read(length)


def _answer(status: str) -> None:
    events.note(f"answered {status}")
    os.write(0, f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
