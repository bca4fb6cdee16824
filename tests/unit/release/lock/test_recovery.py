"""What was cut off on a host is ended before a release comes to it, and before its lock is broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet import agent
from fleet.errors import OperatorError
from fleet.release.lock import recovery, unlocking
from fleet.state import survey
from fleet.state.survey import Container, Survey

WELL = survey.parse({})
STOPPED = Container("postgres:16", "exited", 0, "", "2026-11-28T17:00:00Z")
UNFINISHED = replace(WELL, unfinished="restore of x")
OURS = "aipbx.org itself, restore of x, since 2026-11-28 17:00:00 UTC"


class Host:
    """A host that can be asked how it is, and recovers when it is told to."""

    name = "aipbx.org"

    def __init__(self) -> None:
        self.found, self.asked = WELL, list[str]()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Host()

    def call(_: object, verb: list[str], **__: object) -> dict[str, Any]:
        made.asked.append(verb[0])
        made.found = WELL
        return {}

    monkeypatch.setattr(agent, "run", call)
    monkeypatch.setattr(agent, "query", lambda _, verb: made.asked.append(verb[0]))
    monkeypatch.setattr(survey, "take", lambda *_: made.found)
    return made


@pytest.mark.parametrize(
    ("found", "recovers"),
    [
        (WELL, False),
        (UNFINISHED, True),
        (replace(WELL, containers={"postgres": STOPPED}), True),
        (replace(WELL, containers={"postgres": replace(STOPPED, status="running", health="healthy")}), False),
        (replace(WELL, containers={"postgres": replace(STOPPED, status="running", health="unhealthy")}), True),
        (replace(UNFINISHED, lock=OURS, lock_standing="ended"), True),
        (replace(UNFINISHED, lock=OURS, lock_standing="open"), False),
        (replace(WELL, containers={"postgres": STOPPED}, lock="anna@desk, the disk is changed"), False),
    ],
)
def test_a_release_comes_after_what_was_cut_off(host: Any, found: Survey, recovers: bool) -> None:
    host.found = found
    assert recovery.settled(host, found) == (WELL if recovers else found)
    assert host.asked == ["recover"] * recovers


@pytest.mark.parametrize("standing", ["open", "runs"])
def test_a_lock_whose_run_continues_is_broken_by_force_alone(host: Any, standing: str) -> None:
    host.found = replace(UNFINISHED, lock=OURS, lock_standing=standing)
    with pytest.raises(OperatorError) as refused:
        unlocking.unlock(host, force=False, yes=True)
    assert "inv unlock --force" in refused.value.do
    assert host.asked == []
    unlocking.unlock(host, force=True, yes=True)
    assert host.asked == ["unlock"]


def test_what_its_run_left_is_ended_before_a_lock_is_broken(host: Any) -> None:
    host.found = replace(UNFINISHED, lock=OURS, lock_standing="ended")
    unlocking.unlock(host, force=False, yes=True)
    assert host.asked == ["recover", "unlock"]
