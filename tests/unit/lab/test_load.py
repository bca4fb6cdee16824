"""What callers met, judged."""

from __future__ import annotations

from typing import Any

from lab.load import Met


def call(lost: int = 0, backends: int = 1, ended: str = "by the caller") -> dict[str, Any]:
    return {"sent": 500, "lost": lost, "backends": backends, "ended": ended}


def test_a_call_is_broken_by_a_lost_packet_another_backend_or_another_end() -> None:
    met = Met(calls=[call(), call(lost=1), call(backends=2), call(ended="hung up")])
    assert met.broken_calls == met.calls[1:]
