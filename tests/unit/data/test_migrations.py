"""What a release's files mean to a database: run, marked, or refused, and how a failure reads."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aipbx_data import ledger, migrate, migrations, sets
from aipbx_data.config import Config
from aipbx_data.errors import Failed, Refused
from aipbx_data.ledger import Row
from aipbx_data.migrations import Found, Given, Pending
from aipbx_data.postgres import TABLES, Postgres

A, B, C = "2026-09-01-a.sql", "2026-09-20-b.sql", "2026-09-20-c.sql"
FILES = {A: "CREATE TABLE a (b int);", B: "ALTER TABLE a ADD c int;"}
RELEASE = "1" * 40
CONFIG = Config({"host": "aipbx.ru", "app_dir": "/nowhere"}, {"backend": {"DB_NAME": "aipbx"}}, {})


class Server:
    """A database with these tables and rows, and this ledger."""

    def __init__(
        self, tables: dict[str, int], rows: list[Row] | None, releases: dict[str, list[str]] | None = None
    ) -> None:
        self.tables, self.rows, self.releases = tables, rows, releases or {}

    def psql(self, sql: str, _: str = "", __: float = 0, **_unused: object) -> list[str]:
        if sql == TABLES:
            return [json.dumps(["public", name]) for name in self.tables] + ['["aipbx_fleet", "migrations"]'] * bool(
                self.rows
            )
        if "releases') IS NOT NULL" in sql:
            return ["f" if self.rows is None else "t"]
        if "json_build_object('name'" in sql:
            return [json.dumps(vars(row)) for row in self.rows or []]
        if "SELECT to_json(files)" in sql:
            return [json.dumps(files) for release, files in self.releases.items() if release in sql]
        if sql.startswith("SELECT to_regclass"):
            return ["t" if any(f"'{name}'" in sql for name in self.tables) else "f"]
        return [str(self.tables[sql.removeprefix("SELECT count(*) FROM ")])]


def row(name: str, how: str = "run", **changes: str) -> Row:
    given = {"sha256": migrations.checksum(FILES.get(name, "")), "release": "0" * 40, "breaks": "", "restore_point": ""}
    return Row(**{**given, "name": name, "how": how, "at": "2026-09-02 10:00", **changes})


def look(server: Server, **given: Any) -> Found:
    return migrations.look(CONFIG, cast("Postgres", server), Given(RELEASE, **{"files": FILES, **given}))


def test_what_was_not_seen_runs_in_its_order() -> None:
    found = look(Server({"a": 1}, [row(A)]))
    assert (found.state, [one.name for one in found.pending]) == ("known", [B])
    assert [one.name for one in look(Server({"a": 1}, [])).pending] == [A, B]
    assert look(Server({"a": 1}, [row(A), row(B)])).pending == []


def test_a_database_without_tables_is_new_whatever_was_marked() -> None:
    found = look(Server({}, None))
    assert (found.state, len(found.pending)) == ("new", 2)
    # An earlier first deploy marked these, and its application never made a table.
    found = look(Server({}, [row(A, "baseline", sha256="old"), row(C, "baseline"), row(B)]))
    assert (found.state, [one.name for one in found.pending], found.missing) == ("new", [A], [])


def test_a_database_without_a_ledger_is_refused_unless_somebody_answers_for_it() -> None:
    server = Server({"a": 1}, None)
    with pytest.raises(Refused) as refused:
        look(server)
    assert "it has 1 tables, and no ledger" in refused.value.what
    assert "inv migrate --baseline --host=aipbx.ru" in refused.value.do
    assert look(server, lives=True).state == "lives"
    assert look(server, baseline=()).state == "lives"
    assert look(server, files={}).pending == []
    # The first take-over marked these and failed; the second brings another commit.
    again = look(Server({"a": 1}, [row(A, "baseline"), row(C, "baseline")]), lives=True)
    assert (again.state, [one.name for one in again.pending], again.missing) == ("lives", [A, B], [])
    assert look(Server({"a": 1}, [row(A)]), lives=True).state == "known"


def test_a_changed_file_is_refused_with_both_checksums() -> None:
    server = Server({"a": 1}, [row(A, sha256="e" * 64)])
    with pytest.raises(Refused) as refused:
        look(server)
    assert "e" * 64 in refused.value.why
    assert migrations.checksum(FILES[A]) in refused.value.why
    assert look(server, baseline=(A,)).state == "known"
    with pytest.raises(Refused):
        look(server, baseline=(B,))


def test_nothing_runs_before_what_was_applied_already() -> None:
    with pytest.raises(Refused, match=f"{A} comes too late"):
        look(Server({"a": 1}, [row(B)]))
    # Of one day no order is known but that of their names, and both are new.
    assert [one.name for one in look(Server({"a": 1}, [row(C)]), files={B: ""}).pending] == [B]
    assert look(Server({"a": 1}, [row(B)]), baseline=(A,)).pending


def test_what_cannot_be_run_is_refused_with_the_file_s_name() -> None:
    with pytest.raises(Refused) as refused:
        look(Server({"a": 1}, []), files={A: "SELECT 1;\nCREATE INDEX CONCURRENTLY i ON a (b);"})
    assert f"{A}, line 2: CREATE INDEX CONCURRENTLY" in refused.value.what
    assert f"--baseline={A}" in refused.value.do


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("DROP TABLE a", ["line 1: DROP TABLE: a has 7 rows"]),
        ("DROP TABLE empty", []),
        ("DROP TABLE nobody", []),
        ("ALTER TABLE a RENAME TO x; DROP TABLE x", ["line 1: DROP TABLE of x, which gets its name on the way"]),
        ("DROP SCHEMA s CASCADE", ["line 1: DROP SCHEMA s CASCADE; how many rows that takes cannot be told"]),
    ],
)
def test_what_takes_away_rows_needs_consent(source: str, told: list[str]) -> None:
    found = look(Server({"a": 7, "empty": 0}, []), files={A: source})
    assert found.pending[0].losses == told
    given = Given(RELEASE, FILES, allow=(A,))
    migrations.refuse_losses(found, given)
    if told:
        with pytest.raises(Refused, match="takes away what holds rows"):
            migrations.refuse_losses(found, Given(RELEASE, FILES))


def test_what_a_release_does_not_know() -> None:
    rows = [row(A, "baseline"), row(B), row(C)]
    assert [one.name for one in look(Server({"a": 1}, rows)).missing] == [C]
    back = {"files": None}
    assert [one.name for one in look(Server({"a": 1}, rows, {RELEASE: [A, B]}), **back).missing] == [C]
    assert [one.name for one in look(Server({"a": 1}, rows), **back).missing] == [B, C]
    assert look(Server({"a": 1}, None), **back).missing == []
    found = Found("known", missing=[row(C)])
    migrate.refuse_unknown(found, Given(RELEASE, FILES, without=(C,)))
    with pytest.raises(Refused, match=f"{C} was applied"):
        migrate.refuse_unknown(found, Given(RELEASE, FILES))


def test_nothing_runs_that_nobody_has_seen() -> None:
    with pytest.raises(Refused, match="2 migrations are to be run, and nobody has seen which"):
        migrate.refuse_unseen(look(Server({"a": 1}, [])), Given(RELEASE, FILES, shown=False))
    migrate.refuse_unseen(look(Server({"a": 1}, [])), Given(RELEASE, FILES))
    migrate.refuse_unseen(look(Server({}, None)), Given(RELEASE, FILES, shown=False))


def test_what_is_marked() -> None:
    found = look(Server({"a": 1}, [row(A)]), baseline=())
    assert [(one.name, one.how) for one in migrate._chosen(Given(RELEASE, FILES, baseline=()), found)] == [
        (B, "baseline")
    ]
    (again,) = migrate._chosen(Given(RELEASE, FILES, baseline=(A,)), found)
    assert again.sha256 == migrations.checksum(FILES[A])
    with pytest.raises(Refused, match=r"no migration 'x\.sql'"):
        migrate._chosen(Given(RELEASE, FILES, baseline=("x.sql",)), found)


def test_one_file_alone_is_not_marked_where_the_others_would_then_run() -> None:
    found = look(Server({"a": 1}, None), baseline=(A,))
    with pytest.raises(Refused, match="one file alone"):
        migrate._chosen(Given(RELEASE, FILES, baseline=(A,)), found)


def test_marks_are_made_with_the_ledger_or_not_at_all() -> None:
    said: list[str] = []
    server = cast("Postgres", SimpleNamespace(psql=lambda sql, _: said.append(sql)))
    ledger.mark(server, "aipbx", [row(A, "baseline")], anew=True)
    (sql,) = said
    order = ("BEGIN;", "CREATE SCHEMA", "CREATE TABLE", "DELETE FROM", "INSERT INTO", "COMMIT;")
    places = [sql.index(word) for word in order]
    assert places == sorted(places)
    ledger.mark(server, "aipbx", [])
    assert "DELETE" not in said[1]


def test_a_new_database_is_marked_before_its_first_file_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    monkeypatch.setattr(ledger, "mark", lambda _, __, rows, **___: did.extend(["mark", *(one.name for one in rows)]))
    monkeypatch.setattr(migrate, "_run", lambda *given: did.append(given[3].name))
    server = cast("Postgres", Server({}, None))
    given = Given(RELEASE, FILES, early=(A, C))
    assert migrate._carried_out(CONFIG, server, given, migrations.look(CONFIG, server, given)) == migrate.Done([A], [B])
    assert did == ["mark", B, A]


def test_what_psql_reads_is_one_transaction_with_its_row() -> None:
    text = ledger.script("\ufeffSELECT 'x' -- y", row(A, breaks="it's"), 1.5, 300, "us er", ["vector"])
    first, *rest = text.splitlines()
    assert first == (
        "SET client_encoding = 'UTF8'; SET lc_messages = 'C'; SET lock_timeout = '1.5s'; "
        "SET statement_timeout = '300s'; BEGIN; CREATE EXTENSION IF NOT EXISTS vector; SET ROLE \"us er\";"
    )
    assert rest[:2] == ["SELECT 'x' -- y", ";"]
    assert rest[2] == "RESET ROLE;", "the ledger is not the application's"
    assert rest[-1] == "COMMIT;"
    assert "'it''s'" in rest[-2]


def test_a_failure_in_one_line_with_the_line_of_the_file() -> None:
    source = "SELECT 1;\nUPDATE a\nSET b = 1;\n"
    said = (
        'psql:<stdin>:2: NOTICE:  x\npsql:<stdin>:4: ERROR:  column "b" does not exist\nLINE 2: SET b = 1;\n'
        "            ^\nHINT:  Perhaps.\n"
    )
    assert migrate.told(said, source, A) == (
        'lines 2 to 3: ERROR:  column "b" does not exist / LINE 2: SET b = 1; / HINT:  Perhaps.'
    )
    assert migrate.told("psql:<stdin>:2: ERROR:  x", source, A) == "line 1: ERROR:  x"
    assert migrate.told("a\nserver closed the connection", source, A) == "a / server closed the connection"
    assert migrate.told("", source, A) == "psql said nothing."


def test_what_inv_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = {"release": RELEASE, "files": FILES, "allow": [A], "baseline": None, "lock_seconds": 2}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(brought)))
    assert migrations.read() == Given(RELEASE, FILES, allow=(A,), lock_seconds=2)
    for wrong in ("", "[]", '{"x": 1}'):
        monkeypatch.setattr("sys.stdin", io.StringIO(wrong))
        with pytest.raises(Refused, match="standard input"):
            migrations.read()


def test_mysql_is_refused() -> None:
    config = Config(CONFIG.raw, {"backend": {"DB_DIALECT": "mysql", "DB_NAME": "x"}}, {})
    with pytest.raises(Refused) as refused:
        migrations.refuse_dialect(config)
    assert "no transactions around CREATE, ALTER and DROP" in refused.value.why
    migrations.refuse_dialect(CONFIG)


def test_a_file_that_fails_names_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(_: object, __: object, ___: object, one: Pending, ____: str) -> None:
        if one.name == B:
            raise Failed(f"Migration {B} failed.", "why", "Mend it.")
        ran.append(one.name)

    monkeypatch.setattr(migrate, "_run", run)
    monkeypatch.setattr(sets, "names", lambda _: [])
    server = Server({"a": 1}, [])
    found = look(server)
    with pytest.raises(Failed) as failed:
        migrate._run_all(CONFIG, cast("Postgres", server), Given(RELEASE, FILES), found, "20261123T030000Z")
    assert ran == [A]
    assert failed.value.what == f"Migration {B} failed. {A} stay applied."
    assert failed.value.do == "Mend it. The data from before: inv restore 20261123T030000Z --host=aipbx.ru"


def test_the_backups_folder_may_be_missing(tmp_path: Path) -> None:
    config = Config({**CONFIG.raw, "app_dir": str(tmp_path)}, CONFIG.services, {})
    assert migrations.look(config, cast("Postgres", Server({"a": 1}, [])), Given(RELEASE, FILES)).sets == []
