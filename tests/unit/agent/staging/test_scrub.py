"""A verified set becomes a scrubbed one, or nothing is left; the sets of the host stay as they are."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent import cleanup
from aipbx_agent.backup import loading, sets, take
from aipbx_agent.core import disk, docker, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Interrupted, Refused
from aipbx_agent.databases import engine, throwaway
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.staging import plan, request, rules, schema, scrub
from aipbx_agent.staging.schema import Column, Schema, Table
from tests.unit.agent.backup.test_sets import NAME, made

OPTIONS = argparse.Namespace(name=NAME)
TABLE = Table("public", "Таблица", (Column("x", "text", True),))
RULES = {"tables": {"Таблица": {"hash": ["x"], "keep": ["gone"]}}}


class Server(Postgres):
    """A scratch server, and the live one."""

    def __init__(self) -> None:
        self.rows, self.asked = 3, list[str]()
        self.fault: BaseException | None = None

    def psql(self, sql: str, *_: Any, **__: Any) -> list[str]:
        self.asked.append(sql)
        return []

    def size(self, _: str) -> int:
        return 7

    @contextmanager
    def moment(self, _: str) -> Iterator[str]:
        yield "a moment"

    def contents(self, _: str, __: str = "") -> Contents:
        return Contents({"public.Таблица": self.rows})

    def dump(self, _: str, path: Path, __: str) -> None:
        path.write_bytes(b"PGDMP scrubbed")
        if self.fault:
            raise self.fault


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    one = Server()

    @contextmanager
    def started(*_: object) -> Iterator[Server]:
        yield one

    monkeypatch.setattr(throwaway, "server", started)
    monkeypatch.setattr(loading, "load", lambda *_: [])
    monkeypatch.setattr(engine, "live", lambda _: one)
    monkeypatch.setattr(schema, "read", lambda *_: Schema((TABLE,)))
    monkeypatch.setattr(take, "check", lambda *_: None)
    monkeypatch.setattr(docker, "volume", lambda _: Path("/"))
    monkeypatch.setattr(disk, "require", lambda *_: None)
    monkeypatch.setattr(cleanup, "clear", lambda _: None)
    return one


@pytest.fixture
def config(tmp_path: Path) -> Config:
    raw = {"host": "h", "app_dir": str(tmp_path), "volumes": {"postgres_data": "p"}, "min_free_disk_mib": 0}
    config = Config(raw, {"backend": {"DB_NAME": "aipbx"}}, {})
    files.write_json(made(config.backups) / sets.VERIFIED, {"ok": True})
    return config


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give rules on standard input."""

    def give(given: object) -> None:
        stdin = io.TextIOWrapper(io.BytesIO(json.dumps(given).encode()))
        monkeypatch.setattr(request, "sys", SimpleNamespace(stdin=stdin))

    give(RULES)
    return give


def left(config: Config) -> list[str]:
    return [path.name for path in sets.scrubbed_folder(config.backups).glob("*")]


def test_a_set_that_may_go_to_staging(
    config: Config, server: Server, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = sets.scrubbed_folder(config.backups) / "20200101T000000Z"
    stale.mkdir(parents=True)
    scrub.main(config, OPTIONS)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert left(config) == [NAME]
    manifest = sets.check(sets.scrubbed_folder(config.backups) / NAME)
    assert (manifest.host, manifest.volumes, manifest.database_bytes, manifest.format) == ("aipbx.org", {}, 7, 3)
    assert len(manifest.scrubbed) == 64
    assert (told["gone"], told["rows"], told["files"]) == (["public.Таблица.gone"], 3, ["database.dump"])
    assert told["folder"] == str(sets.scrubbed_folder(config.backups))
    (sql,) = server.asked
    assert sql.startswith("\\set VERBOSITY terse\nBEGIN;\nSET LOCAL session_replication_role = replica;\n")
    assert 'UPDATE ONLY "public"."Таблица" SET "x"' in sql
    assert sql.rstrip().endswith("COMMIT;")
    # A set as it was taken says nothing of scrubbing, for programs of before.
    original = json.loads((sets.folder(config.backups) / NAME / sets.MANIFEST).read_text())
    assert (original["format"], "scrubbed" in original) == (2, False)


def test_two_scrubs_make_up_other_values(config: Config, server: Server, typed: Any) -> None:
    scrub.main(config, OPTIONS)
    typed(RULES)
    scrub.main(config, OPTIONS)
    assert server.asked[0] != server.asked[1]


@pytest.mark.parametrize("fault", [Failed("pg_dump failed.", "", ""), Interrupted("stopped", "", "")])
def test_a_scrub_that_ends_early_leaves_nothing(
    config: Config, server: Server, typed: Any, fault: BaseException
) -> None:
    server.fault = fault
    with pytest.raises(type(fault)):
        scrub.main(config, OPTIONS)
    assert left(config) == []
    assert sets.check(sets.folder(config.backups) / NAME)


def test_rows_that_came_meanwhile_may_be_copies_of_what_was(config: Config, server: Server, typed: Any) -> None:
    server.rows = 4
    with pytest.raises(Failed, match="not scrubbed as the rules say"):
        scrub.main(config, OPTIONS)
    assert left(config) == []


@pytest.mark.parametrize(
    ("given", "told"), [({}, "do not cover"), ({"empty": 1}, "malformed"), ([], "malformed"), ("x", "malformed")]
)
def test_rules_that_do_not_do(config: Config, server: Server, typed: Any, given: object, told: str) -> None:
    for run in (scrub.main, plan.main):
        typed(given)
        with pytest.raises(Refused, match=told):
            run(config, OPTIONS)
    assert (left(config), server.asked) == ([], [])


def test_many_columns_without_a_rule_are_counted(config: Config, server: Server, typed: Any) -> None:
    many = tuple(Column(f"c{number}", "text", True) for number in range(25))
    with pytest.raises(Refused) as refused:
        request.refuse_unruled(rules.parse({}), Schema((Table("public", "t", many),)))
    assert refused.value.why.endswith("public.t.c19 has no rule; and 5 more.")


def test_only_a_verified_set_is_taken(config: Config, server: Server, typed: Any) -> None:
    (sets.folder(config.backups) / NAME / sets.VERIFIED).unlink()
    with pytest.raises(Refused, match=f"{NAME} is not a verified set of h"):
        scrub.main(config, OPTIONS)
    typed(RULES)
    with pytest.raises(Refused, match="is not a verified set"):
        scrub.main(config, argparse.Namespace(name="20200101T000000Z"))


def test_a_plan_says_what_is_gone(
    config: Config, server: Server, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.main(config, OPTIONS)
    assert json.loads(capsys.readouterr().out) == {"gone": ["public.Таблица.gone"]}
