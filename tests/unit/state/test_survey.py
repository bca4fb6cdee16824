"""What a host's agent tells of the host, as an operator's side reads it (tests/unit/agent/status/test_state.py)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.release.releases import Release
from fleet import agent
from fleet.errors import OperatorError
from fleet.state import survey
from fleet.state.survey import Container

NOTHING = survey.parse({})


def test_nothing_at_all() -> None:
    assert not NOTHING.converged
    assert (NOTHING.running, NOTHING.current, NOTHING.calls) == (None, None, None)
    assert (NOTHING.disk_free_mib, NOTHING.memory_mib, NOTHING.load) == (0, 0, 0)


def test_a_host_that_was_never_converged_has_no_agent_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> dict[str, Any]:
        raise agent.MissingError("It has no agent.", "not found", "Converge it.")

    monkeypatch.setattr(agent, "query", missing)
    code, settings = 1, SimpleNamespace(app_dir="/app/aipbx")
    host: Any = SimpleNamespace(name="aipbx.ru", settings=settings, run=lambda _: SimpleNamespace(code=code))
    assert survey.take(host) == NOTHING
    code = 0  # a ledger of releases is there
    with pytest.raises(agent.MissingError):
        survey.take(host)


def test_what_there_is() -> None:
    lock = {"owner": "anna", "seconds": 7, "standing": "open"}
    found = survey.parse({"calls": 7, "backup": "2026-09-21T14:13:20+00:00", "lock": lock, "wal": {"ok": True}})
    assert (found.calls, found.backup) == (7, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC))
    assert (found.lock, found.lock_seconds, found.lock_standing) == ("anna", 7, "open")
    assert found.log == {"ok": True}


@pytest.mark.parametrize(
    ("images", "running"),
    [
        ({}, None),
        ({"backend": "b:1"}, None),
        ({"frontend": "f:1", "colour": "blue"}, None),
        ({"backend": "r.example:5000/b:1", "frontend": "f:2", "colour": "blue"}, Release("1", "2")),
    ],
)
def test_a_release_runs_when_images_env_names_both(images: dict[str, str], running: Release | None) -> None:
    assert replace(NOTHING, images=images).running == running


@pytest.mark.parametrize(
    ("status", "health", "good", "shown"),
    [
        ("running", "healthy", True, "healthy"),
        ("running", "", True, "running"),
        ("running", "starting", False, "starting"),
        ("running", "unhealthy", False, "unhealthy"),
        ("exited", "unhealthy", False, "exited"),
        ("restarting", "starting", False, "restarting"),
    ],
)
def test_container(status: str, health: str, good: bool, shown: str) -> None:
    told = {"image": "i", "status": status, "restarts": 2, "health": health, "started": "t"}
    found = survey.parse({"containers": {"nginx": told}}).containers["nginx"]
    assert found == Container("i", status, 2, health, "t")
    assert (found.good, str(found)) == (good, shown)


def test_what_a_release_would_meet_and_what_could_not_be_known() -> None:
    wrong = {"error": {"what": "It is damaged.", "why": "by hand", "do": "Push.", "code": 2}}
    met = survey.parse({"release": {"variables": {"host": {}}, "restarts": wrong}}, "aipbx.ru").preflight
    assert met.variables == {"host": {}}
    with pytest.raises(OperatorError, match=r"aipbx\.ru: It is damaged\."):
        _ = met.restarts
