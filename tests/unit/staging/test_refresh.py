"""Which hosts and which set a refresh takes, and in which order it does what."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet import agent
from fleet.backup import sets
from fleet.errors import OperatorError
from fleet.restore import restore
from fleet.staging import refresh, scrub_rules

NOW = "2026-11-29T12:00:00Z"


def host(name: str, *, staging: bool) -> Any:
    return SimpleNamespace(name=name, settings=SimpleNamespace(staging=staging, scrub_rules="x.toml"))


ORIGIN, STAGING = host("aipbx.ru", staging=False), host("try.test", staging=True)


def one(name: str, taken: str = "2026-11-29T03:00:00Z", **more: Any) -> dict[str, Any]:
    known = {"engine": "postgres", "server_version": "16.14", "rows": 9, "tables": 3, "verified": {"ok": True}}
    return {"name": name, "taken": taken, **known, **more}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of hosts, done, or typed at, in order."""
    seen: list[str] = []
    answers: dict[str, Any] = {
        "retained": {"replaced": {}, "live": {"database": "aipbx", "bytes": 5, "version": "16.14"}},
        "list": {"now": NOW, "sets": [one("old"), one("good"), one("new", verified={})]},
        "scrub-plan": {"gone": []},
        "scrub": {"folder": "/s", "gone": ["public.old"], "rows": 5, "tables": 3, "bytes": 7, "files": ["d"]},
    }

    def answer(remote: Any, verb: list[str], **_: Any) -> Any:
        seen.append(f"{remote.name}: {' '.join(verb)}")
        return answers[verb[0]]

    def fetched(remote: Any, folder: str, chosen: dict[str, Any], _: Path) -> str:
        seen.append(f"{remote.name}: {folder}/{chosen['name']} {chosen['files']}")
        return "fetched"

    monkeypatch.setattr(agent, "query", answer)
    monkeypatch.setattr(agent, "run", answer)
    monkeypatch.setattr(sets, "fetch", fetched)
    monkeypatch.setattr(scrub_rules, "read", lambda _: b"{}")
    monkeypatch.setattr(refresh, "hosts_to_change", lambda name: [name])
    monkeypatch.setattr(refresh, "named_hosts", lambda name: [name])
    monkeypatch.setattr(refresh, "only", lambda names: {one.name: one for one in (ORIGIN, STAGING)}[names[0]])
    monkeypatch.setattr(refresh, "agree", lambda _, question, **__: seen.append(f"{question}?"))
    monkeypatch.setattr(restore, "go", lambda remote, given, *_, **__: seen.append(f"{remote.name}: {given.name}"))
    monkeypatch.setattr(refresh, "named", lambda _: SimpleNamespace(name="good", host="aipbx.ru", scrubbed=True))
    return seen


def test_the_newest_verified_set_is_scrubbed_there_and_comes_after_the_question(asked: list[str]) -> None:
    refresh.refresh("try.test", "aipbx.ru", yes=True)
    assert asked == [
        "try.test: retained",
        "aipbx.ru: list",
        "aipbx.ru: scrub-plan",
        "replace the data of try.test by those of aipbx.ru, scrubbed?",
        "aipbx.ru: scrub good",
        "aipbx.ru: /s/good ['d']",
        "try.test: good",
    ]


def test_what_came_without_the_mark_of_a_scrub_goes_nowhere(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "named", lambda _: SimpleNamespace(name="good", host="aipbx.ru", scrubbed=False))
    with pytest.raises(OperatorError, match="good is not brought there"):
        refresh.refresh("try.test", "aipbx.ru", yes=True)
    assert asked[-1] == "aipbx.ru: /s/good ['d']"


@pytest.mark.parametrize(
    ("to", "source", "told"),
    [
        ("try.test", "", "No source is named"),
        ("aipbx.ru", "aipbx.ru", "aipbx.ru is not a staging host"),
        ("try.test", "try.test", "try.test is a staging host, too"),
    ],
)
def test_which_hosts(asked: list[str], to: str, source: str, told: str) -> None:
    with pytest.raises(OperatorError, match=told):
        refresh.refresh(to, source, yes=True)
    assert asked == []


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ([], "has no verified set"),
        (
            [one("a", verified={}), one("b", verified={"ok": False}), {"name": "c", "problem": "x"}],
            "has no verified set",
        ),
        ([one("a", "2026-11-01T03:00:00Z")], "is 681 h old"),
    ],
)
def test_which_sets(there: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(OperatorError, match=told):
        refresh.newest("aipbx.ru", {"now": NOW, "sets": there})


def test_only_one_way_back() -> None:
    with pytest.raises(OperatorError, match=r"try.test still retains the data from before the restore of x"):
        refresh.refuse_retained("try.test", {"replaced": {"what": "restore of x", "database": "y", "at": NOW}})


@pytest.mark.parametrize(("more", "version"), [({"server_version": "17.1"}, "16.14"), ({"engine": "mysql"}, "16.14")])
def test_a_server_that_could_not_take_it(more: dict[str, str], version: str) -> None:
    with pytest.raises(OperatorError, match=r"try.test cannot take the data of aipbx.ru"):
        refresh.refuse_newer("aipbx.ru", one("a", **more), "try.test", version)
