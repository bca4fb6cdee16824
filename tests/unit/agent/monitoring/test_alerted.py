"""What the team reads of an alert."""

from __future__ import annotations

import io
from typing import Any

import pytest

from aipbx_agent.monitoring import alerted


def alert(name: str, status: str = "firing", severity: str = "ticket") -> dict[str, Any]:
    words = {"summary": f"{name} is so.", "action": "inv status", "runbook": "inv runbook x"}
    return {"status": status, "labels": {"alertname": name, "severity": severity}, "annotations": words}


def test_what_fires_comes_with_what_to_do() -> None:
    report = {"alerts": [alert("A", severity="page"), alert("B", "resolved")]}
    assert alerted.message("aipbx.ru", report) == (
        "aipbx.ru: ALERT: A",
        "A is so.\nDo: inv status\nPage: inv runbook x\nResolved: B is so.",
    )


def test_what_is_over_and_what_can_wait() -> None:
    assert alerted.message("aipbx.ru", {"alerts": [alert("A", "resolved")]})[0] == "aipbx.ru: resolved: A"
    assert alerted.message("aipbx.ru", {"alerts": [alert("A"), alert("A")]})[0] == "aipbx.ru: warning: A"


def test_the_body_of_a_request() -> None:
    assert alerted._body(io.BytesIO(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")) == b"{}"
    for head in (b"POST / HTTP/1.1\r\n\r\n{}", b"Content-Length: 99999999\r\n\r\n"):
        with pytest.raises(ValueError, match="a body of"):
            alerted._body(io.BytesIO(head))
