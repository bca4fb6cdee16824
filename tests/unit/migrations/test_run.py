"""What a host is asked and told when a release comes, and when one goes back."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from aipbx_agent import contract
from aipbx_agent.release.releases import Release
from fleet import agent
from fleet.errors import OperatorError
from fleet.migrations import files, run
from fleet.migrations.files import Files
from fleet.release.plan import Plan
from tests.unit.migrations.test_plan import A, B, pending, row
from tests.unit.migrations.test_plan import found as answer

if TYPE_CHECKING:
    from fleet.git.repository import Repository
    from fleet.migrations.plan import Schema
    from fleet.remote import Remote

DATA = SimpleNamespace(
    migrations_before_first_start=["x.sql"],
    migrations_skipped_on_new_database={"y.sql": "why"},
    migration_lock_seconds=3,
    migration_statement_seconds=300,
)
HOST = cast("Remote", SimpleNamespace(name="aipbx.ru", settings=DATA))
REPOSITORY = cast("Repository", SimpleNamespace(leads=lambda older, newer: older < newer))
OLD, NEW = Release("1" * 40, "a" * 40), Release("2" * 40, "a" * 40)


class Asked:
    """A host that answers so, and what it was asked and told."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = answer()
        self.verbs: list[str] = []
        self.given: list[dict[str, Any]] = []

    def ask(self, _: object, verb: list[str], stdin: bytes) -> dict[str, Any]:
        self.verbs.append(" ".join(verb))
        self.given.append(json.loads(stdin))
        return self.answer

    def call(self, _: object, verb: list[str], *, seconds: float, stdin: bytes) -> dict[str, Any]:
        assert seconds > 0
        self.ask(_, verb, stdin)
        return {"run": [A], "marked": [], "restore_point": ""}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    there = Asked()
    monkeypatch.setattr(agent, "query", there.ask)
    monkeypatch.setattr(agent, "run", there.call)
    known = {OLD.backend: {A: "a"}, NEW.backend: {A: "a", B: "b"}}
    monkeypatch.setattr(files, "of", lambda _, sha, __: Files(sha, known[sha]))
    return there


def planned(before: Release | None, after: Release, *, lives: bool = False, **how: Any) -> Schema:
    given = {"allowed": [], "despite": False, **how}
    return run.planned(HOST, before, after, REPOSITORY, lives=lives, **given)


def test_a_deploy_shows_what_it_runs_and_runs_it(asked: Asked) -> None:
    asked.answer = answer(pending(B))
    schema = planned(OLD, NEW)
    what = Plan("aipbx.ru", "deploy", OLD, NEW, schema=schema)
    assert f"      {B}: older releases can run with it" in what.lines()
    run.apply(HOST, what.schema)
    assert asked.verbs == ["migrations", "migrate"]
    told = asked.given[1]
    assert (told["release"], told["files"], told["without"]) == (NEW.backend, {A: "a", B: "b"}, [])
    assert (told["early"], told["skipped"], list(told["facts"])) == (["x.sql"], {"y.sql": "why"}, [A, B])


def test_without_a_migration_it_is_only_written_down_which_the_release_knows(asked: Asked) -> None:
    run.apply(HOST, planned(OLD, NEW))
    assert asked.verbs == ["migrations", "migrations --record"]
    run.apply(HOST, None)
    assert len(asked.verbs) == 2


def test_a_take_over_marks_all_without_asking_a_server_that_is_not_ours(asked: Asked) -> None:
    schema = planned(None, NEW, lives=True)
    assert asked.verbs == []
    assert schema.changes
    assert schema.request["lives"]
    assert f"up to {B}" in schema.lines[0]


def test_a_server_that_does_not_run_yet_runs_nothing_unseen(asked: Asked) -> None:
    asked.answer = answer(state=contract.NO_SERVER)
    schema = planned(None, NEW)
    assert (schema.changes, schema.request["shown"]) == (True, False)
    asked.answer = answer(state=contract.NEW)
    assert planned(None, NEW).request["shown"]


def test_an_older_commit_leaves_out_what_it_can_live_with(asked: Asked) -> None:
    asked.answer = answer(missing=(row(B),))
    assert planned(NEW, OLD).request["without"] == [B]
    asked.answer = answer(missing=(row(B, "line 1: x"),))
    with pytest.raises(OperatorError, match="older than 1 file"):
        planned(NEW, OLD)
    assert planned(NEW, OLD, despite=True).request["without"] == [B]
    # The migration came with a release that failed: what runs, runs on it.
    assert planned(OLD, OLD).request["without"] == [B]


def test_a_rollback_needs_no_repository_and_runs_nothing(asked: Asked) -> None:
    asked.answer = answer(missing=(row(B),))
    schema = run.allow_back(HOST, NEW, OLD, despite=False)
    assert asked.given == [{"release": OLD.backend, "files": None}]
    assert B in schema.lines[0]
    run.apply(HOST, schema)
    assert len(asked.verbs) == 1
    asked.answer = answer(missing=(row(B, "x"),))
    with pytest.raises(OperatorError, match="older than 1 file"):
        run.allow_back(HOST, NEW, OLD, despite=False)


def test_on_mysql_new_files_are_named_and_nothing_is_run(asked: Asked) -> None:
    asked.answer = answer(state=contract.OTHER)
    schema = planned(OLD, NEW)
    assert schema.lines == [f"  migrations: MySQL cannot take back a half-done file, so run it by hand first: {B}"]
    run.apply(HOST, schema)
    assert asked.verbs == ["migrations"]
    assert planned(None, NEW).lines == []
