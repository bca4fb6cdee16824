"""Releases and other changes are one list, the oldest first."""

from __future__ import annotations

import json
from typing import Any

from fleet.audit import show

LEDGER: dict[str, Any] = {
    "time": "2026-11-23T10:00:00Z",
    "operator": "anna@desk",
    "action": "deploy",
    "result": "ok",
    "seconds": 41,
}
LEDGER |= {"before": None, "after": {"backend": "a" * 40, "frontend": "b" * 40}}
VERB = {"time": "2026-11-23T09:00:00Z", "operator": "boris@desk", "verb": "env.push", "result": "ok", "seconds": 2}
VERB |= {"address": "192.0.2.7"}


def test_in_the_order_of_time() -> None:
    later = LEDGER | {"time": "2026-11-23T11:00:00Z", "address": "2001:db8::7"}
    text = f'{json.dumps(later)}\n{json.dumps(LEDGER)}\n{json.dumps(VERB)}\n{{"time": "cut of\n[]\n'
    assert [(one["operator"], one["address"], one["verb"], one["seconds"]) for one in show.parsed(text)] == [
        ("boris@desk", "192.0.2.7", "env.push", 2),
        ("anna@desk", "", "deploy of backend aaaaaaaa, frontend bbbbbbbb", 41),
        ("anna@desk", "2001:db8::7", "deploy of backend aaaaaaaa, frontend bbbbbbbb", 41),
    ]


def test_nothing_was_changed_yet() -> None:
    assert show.parsed("") == []
