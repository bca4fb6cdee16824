"""A deploy that would run the application's timers twice is refused, or waits; the host says when: its clock counts."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.release.releases import Release
from fleet import agent
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release.checks import overlap
from fleet.release.plan import Plan
from fleet.state.preflight import Preflight

DATA = settings.of_host("aipbx.ru", hosts.load()[0].data)
A, B = Release("a" * 40, "b" * 40), Release("c" * 40, "b" * 40)
DEPLOY = Plan("aipbx.ru", "deploy", A, B)
FOUND = {"what": "aipbx.ru: two backends.", "why": "It is.", "do": "Later.", "seconds": 0.0, "free": "12:01 UTC"}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the host answers, one after the other; nothing more: it is asked too often."""
    left: list[Any] = []

    def ask(_: object, verb: list[str], stdin: bytes) -> dict[str, Any]:
        asked = json.loads(stdin)
        assert (verb, asked["drain_seconds"]) == (["overlap"], 60)
        assert asked["settings"]["application_timers"] == DATA.application_timers
        return {"overlap": left.pop(0)}

    monkeypatch.setattr(agent, "query", ask)
    monkeypatch.setattr(overlap, "PAUSE_SECONDS", 1)
    return left


def host(**changes: Any) -> Any:
    return SimpleNamespace(name="aipbx.ru", settings=DATA.model_copy(update=changes))


def refuse(found: Any, what: Plan = DEPLOY, *, waits: bool = False, **changes: Any) -> None:
    overlap.refuse(host(**changes), what, Preflight("aipbx.ru", {"overlap": found}), waits=waits)


def test_a_free_moment_is_silent(answers: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    answers.append(None)
    refuse(None)
    overlap.wait(host(), DEPLOY, 60)
    assert answers == []
    assert capsys.readouterr().err == ""


def test_it_is_refused() -> None:
    with pytest.raises(OperatorError, match="two backends") as refused:
        refuse(FOUND)
    assert (refused.value.code, refused.value.do) == (2, "Later.")


def test_what_the_host_could_not_tell_is_its_error() -> None:
    with pytest.raises(OperatorError, match=r"aipbx\.ru: does not know the time zone"):
        refuse({"error": {"what": "does not know the time zone", "why": "", "do": "", "code": 2}})


def test_it_waits(answers: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    answers += [FOUND, FOUND, None]
    refuse(FOUND, waits=True)
    overlap.wait(host(), DEPLOY, 60)
    assert answers == []
    told = capsys.readouterr().err
    assert "It waits until 12:01 UTC." in told
    assert "waits until 12:01 UTC: the application's timers run once" in told


def test_where_no_moment_is_ever_free_it_does_not_wait(answers: list[Any]) -> None:
    never = {**FOUND, "seconds": None, "free": ""}
    answers += [FOUND, never]
    with pytest.raises(OperatorError):
        refuse(never, waits=True)
    with pytest.raises(OperatorError):
        overlap.wait(host(), DEPLOY, 60)


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        (replace(DEPLOY, before=None), {}),
        (replace(DEPLOY, after=Release(A.backend, "f" * 40)), {}),
        (DEPLOY, {"switch_mode": "recreate"}),
        (DEPLOY, {"application_timers": {}}),
    ],
)
def test_where_no_two_backends_are_up_nothing_is_refused(what: Plan, changes: dict[str, Any]) -> None:
    refuse(FOUND, what, **changes)
    overlap.wait(host(**changes), what, 60)
