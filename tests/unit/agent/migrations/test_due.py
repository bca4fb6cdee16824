"""What a release's files mean to a database: run, marked, or refused, and how a failure reads."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aipbx_agent.backup import sets
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.databases.postgres.contents import TABLES
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.migrations import apply, baseline, due, facts, first_start, ledger, run_file
from aipbx_agent.migrations.due import Outcome, Pending, Request
from aipbx_agent.migrations.facts import Facts
from aipbx_agent.migrations.ledger import Row
from fleet.migrations import reading

A, B, C = "2026-09-01-a.sql", "2026-09-20-b.sql", "2026-09-20-c.sql"
FILES = {A: "CREATE TABLE a (b int);", B: "ALTER TABLE a ADD c int;"}
RELEASE = "1" * 40
CONFIG = Config(
    {"host": "aipbx.ru", "app_dir": "/nowhere"}, {"backend": {"DB_NAME": "aipbx", "DB_USER": "aipbx_user"}}, {}
)


class Server:
    """A database with these tables and rows, and this ledger.

    Args:
        tables: how many rows each has; every column of them has a value in all of them.
        rows: the ledger's; None: there is none.
        releases: which files each release knew.
        begun: whether its first start has not finished.
    """

    def __init__(
        self,
        tables: dict[str, int],
        rows: list[Row] | None,
        releases: dict[str, list[str]] | None = None,
        *,
        begun: bool = False,
    ) -> None:
        self.tables, self.rows, self.releases, self.begun = tables, rows, releases or {}, begun

        self.logged_in_as = "aipbx_admin"
        self.faults: list[str] = []

    def as_owner(self, _: str) -> Server:
        owners = Server(self.tables, self.rows, self.releases, begun=self.begun)
        owners.logged_in_as = "aipbx_user"
        return owners

    def psql(self, sql: str, _: str = "", __: float = 0, **_unused: object) -> list[str]:
        named = [name for name in self.tables if f'"{name}"' in sql]
        assert not named or self.logged_in_as == "aipbx_user", "the application's tables are asked as its own role"
        answers = {
            ledger.FAULTS: self.faults,
            "SHOW search_path": ['"$user", public'],
            "first_start": ["t" if self.begun else "f"],
            "releases') IS NOT NULL": ["f" if self.rows is None else "t"],
            "json_build_object('name'": [json.dumps(vars(row)) for row in self.rows or []],
            "SELECT to_json(files)": [json.dumps(files) for sha, files in self.releases.items() if sha in sql],
            "FROM pg_attribute": ["1" if named and "'gone'" not in sql else "0"],
            "SELECT to_regclass": ["t" if named else "f"],
            "has_table_privilege": ["f" if '"theirs"' in sql else "t"],
            "WITH RECURSIVE": [json.dumps(["public", name]) for name in self.tables],
            "FILTER": [f"{self.tables[name]} of {self.tables[name]}" for name in named],
            "SELECT count(*)": [str(self.tables[name]) for name in named],
        }
        if sql == TABLES:
            ours = ['["aipbx_fleet", "migrations"]'] * bool(self.rows)
            return [json.dumps(["public", name]) for name in self.tables] + ours
        return next(answer for asked, answer in answers.items() if asked in sql)


def row(name: str, how: str = "run", **changes: str) -> Row:
    given = {"sha256": due.checksum(FILES.get(name, "")), "release": "0" * 40, "breaks": "", "restore_point": ""}
    return Row(**{**given, "name": name, "how": how, "at": "2026-09-02 10:00", **changes})


def asked(files: dict[str, str] | None = FILES, **given: Any) -> Request:
    read = {name: reading.facts(source) for name, source in (files or {}).items()}
    return Request(RELEASE, files, reading.lasting(read), **given)


def look(server: Server, **given: Any) -> Outcome:
    return due.look(CONFIG, cast("Postgres", server), asked(**given))


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


def test_a_database_without_a_ledger_is_refused_unless_someone_answers_for_it() -> None:
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
    assert due.checksum(FILES[A]) in refused.value.why
    assert look(server, baseline=(A,)).state == "known"
    with pytest.raises(Refused):
        look(server, baseline=(B,))


def test_nothing_runs_before_what_was_applied_already() -> None:
    with pytest.raises(Refused, match=f"{A} is out of order"):
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
        ("DROP TABLE missing", []),
        ("DROP TABLE theirs",
         ["line 1: DROP TABLE of theirs, which is not the application's; how many rows that affects is unknown"]),
        ("ALTER TABLE a RENAME TO x; DROP TABLE x", ["line 1: DROP TABLE of x, which gets its name on the way"]),
        ("DROP SCHEMA s CASCADE", ["line 1: DROP SCHEMA s CASCADE; how many rows that affects is unknown"]),
        ("ALTER TABLE a DROP COLUMN b", ["line 1: DROP COLUMN b: 7 of 7 rows of a have a value"]),
        ("ALTER TABLE a DROP COLUMN gone", []),
        ("ALTER TABLE empty DROP COLUMN b", []),
        ("ALTER TABLE a ADD gone int; UPDATE a SET gone = 1", []),
        ("TRUNCATE empty", []),
        ("TRUNCATE empty CASCADE", ["line 1: TRUNCATE: empty has 7 rows with those that refer to it"]),
        ("WITH d AS (DELETE FROM a WHERE b RETURNING *) SELECT FROM d", ["line 1: DELETE: a has 7 rows"]),
        ("DO $$ BEGIN EXECUTE 'x'; END $$",
         ["line 1: SQL that is made when it runs; how many rows that affects is unknown"]),
    ],
)  # fmt: skip
def test_what_takes_away_rows_needs_consent(source: str, told: list[str]) -> None:
    found = look(Server({"a": 7, "empty": 0, "theirs": 0}, []), files={A: source})
    assert found.pending[0].losses == told
    given = Request(RELEASE, FILES, allow=(A,))
    due.refuse_losses(found, given)
    if told:
        with pytest.raises(Refused, match="would delete rows"):
            due.refuse_losses(found, Request(RELEASE, FILES))


def test_what_a_release_does_not_know() -> None:
    rows = [row(A, "baseline"), row(B), row(C)]
    assert [one.name for one in look(Server({"a": 1}, rows)).missing] == [C]
    back = {"files": None}
    assert [one.name for one in look(Server({"a": 1}, rows, {RELEASE: [A, B]}), **back).missing] == [C]
    assert [one.name for one in look(Server({"a": 1}, rows), **back).missing] == [B, C]
    assert look(Server({"a": 1}, None), **back).missing == []
    found = Outcome("known", missing=[row(C)])
    apply.refuse_unknown(found, Request(RELEASE, FILES, without=(C,)))
    with pytest.raises(Refused, match=f"{C} was applied"):
        apply.refuse_unknown(found, Request(RELEASE, FILES))


def test_a_migration_that_was_not_shown_does_not_run() -> None:
    with pytest.raises(Refused, match="2 migrations are to be run, and no one has reviewed them"):
        apply.refuse_unseen(look(Server({"a": 1}, [])), Request(RELEASE, FILES, shown=False))
    apply.refuse_unseen(look(Server({"a": 1}, [])), Request(RELEASE, FILES))
    apply.refuse_unseen(look(Server({}, None)), Request(RELEASE, FILES, shown=False))


def test_what_is_marked() -> None:
    found = look(Server({"a": 1}, [row(A)]), baseline=())
    assert [(one.name, one.how) for one in baseline.chosen(asked(baseline=()), found)] == [(B, "baseline")]
    (again,) = baseline.chosen(asked(baseline=(A,)), found)
    assert again.sha256 == due.checksum(FILES[A])
    with pytest.raises(Refused, match=r"no migration 'x\.sql'"):
        baseline.chosen(asked(baseline=("x.sql",)), found)


def test_one_file_alone_is_not_marked_where_the_others_would_then_run() -> None:
    found = look(Server({"a": 1}, None), baseline=(A,))
    with pytest.raises(Refused, match="one file alone"):
        baseline.chosen(asked(baseline=(A,)), found)


def test_marks_are_made_with_the_ledger_or_not_at_all() -> None:
    said: list[str] = []
    server = cast("Postgres", SimpleNamespace(psql=lambda sql, _: said.append(sql)))
    ledger.mark(server, "aipbx", [row(A, "baseline")])
    ledger.begin_first_start(server, "aipbx")
    for sql, last in zip(
        said, ("INSERT INTO aipbx_fleet.migrations", "INSERT INTO aipbx_fleet.first_start"), strict=True
    ):
        order = ("BEGIN;", "CREATE SCHEMA", "CREATE TABLE", ledger.GUARD, last, "COMMIT;")
        places = [sql.index(word) for word in order]
        assert places == sorted(places)
    assert "DELETE FROM aipbx_fleet.migrations WHERE how = 'baseline'" in said[1]


def test_a_ledger_that_the_application_made_itself_is_refused_before_anything_is_read() -> None:
    server = Server({"a": 1}, [row(A)])
    server.faults = ["schema aipbx_fleet belongs to app", "trigger t of migrations"]
    with pytest.raises(Refused, match="aipbx_fleet of aipbx was not created by this program") as refused:
        look(server)
    assert "belongs to app; trigger t of migrations" in refused.value.why


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to a new database, in its order."""
    done: list[str] = []
    monkeypatch.setattr(ledger, "begin_first_start", lambda *_: done.append("begin"))
    monkeypatch.setattr(ledger, "end_first_start", lambda *_: done.append("end"))
    monkeypatch.setattr(ledger, "mark", lambda _, __, rows: done.append(f"mark {len(rows)}"))
    monkeypatch.setattr(first_start, "make_tables", lambda _: done.append("tables"))
    monkeypatch.setattr(run_file, "carry_out", lambda *given: done.append(given[3].name))
    return done


def on_a_new_one(server: Server, **given: Any) -> apply.Done:
    there, wanted = cast("Postgres", server), asked(**given)
    return apply._carried_out(CONFIG, there, wanted, due.look(CONFIG, there, wanted))


def test_a_new_database_gets_its_tables_from_the_application_then_the_files(did: list[str]) -> None:
    every = {**FILES, C: "DROP TABLE a"}
    done = on_a_new_one(Server({}, None), files=every, early=(B, "missing.sql"), skipped={A: "why"})
    assert did == ["begin", B, "tables", "mark 1", C, "end"]
    assert done == apply.Done([B, C], [A])


def test_a_first_start_that_was_cut_off_continues_where_it_ended(did: list[str]) -> None:
    server = Server({"a": 3}, [row(B)], begun=True)
    assert look(server, early=(B,)).state == "first start"
    # The early file is dated after the others, and nothing of theirs asks: no one has written rows yet.
    done = on_a_new_one(server, files={**FILES, C: "DROP TABLE a"}, early=(B,))
    assert did == ["tables", "mark 0", A, C, "end"]
    assert done.run == [A, C]
    with pytest.raises(Refused, match="first start has not finished"):
        baseline.chosen(asked(baseline=()), look(server, baseline=()))


def test_a_file_that_fails_on_a_new_database_is_reported_with_the_way_on(
    did: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise Failed("x", "y", "Fix it.")

    monkeypatch.setattr(run_file, "carry_out", fails)
    with pytest.raises(Failed) as failed:
        on_a_new_one(Server({}, None), skipped={B: "why"})
    assert f"what {A} makes" in failed.value.do
    assert "migrations_skipped_on_new_database" in failed.value.do
    assert did[-1] != "end"


def test_what_cannot_run_is_refused_before_a_new_database_is_touched(did: list[str]) -> None:
    files = {A: "CREATE INDEX CONCURRENTLY i ON a (b)"}
    with pytest.raises(Refused):
        on_a_new_one(Server({}, None), files=files)
    assert did == []
    assert on_a_new_one(Server({}, None), files=files, skipped={A: "why"}).marked == [A]


def test_what_was_only_marked_can_be_made_to_run() -> None:
    server = Server({"a": 1}, [row(A, "baseline"), row(B, "baseline"), row(C)])
    files = {**FILES, C: ""}
    found = look(server, files=files)
    assert (found.pending, found.absent) == ([], [])
    assert [one.name for one in look(server, files=files, run_marked=()).pending] == [A, B]
    assert [one.name for one in look(server, files=files, run_marked=(B,)).pending] == [B]
    for left_out in ({"skipped": {A: "why"}}, {"early": (A,)}):
        assert [one.name for one in look(server, files=files, run_marked=(), **left_out).pending] == [B]


def test_what_a_marked_file_would_have_made_is_missed() -> None:
    server = Server({"a": 1}, [row(A, "baseline"), row(B)])
    made = {A: "CREATE TABLE a (b int); CREATE INDEX i ON a (b); ALTER TABLE a ADD gone int, ADD c int;", B: FILES[B]}
    server.rows = [row(A, "baseline", sha256=due.checksum(made[A])), row(B)]
    assert look(server, files=made).absent == [f"{A}: index i, column gone of a"]
    assert look(server, files=made, skipped={A: "why"}).absent == []


def test_what_psql_reads_is_one_transaction_with_its_row() -> None:
    source = "\ufeff-- Ω\nSELECT 'x'; CREATE EXTENSION vector -- y"
    read = facts.of(reading.lasting({A: reading.facts(source)})[A])
    text = ledger.script(source, row(A, breaks="it's"), read, "app", 1.5, 300)
    limits = "SET LOCAL lock_timeout = '1.5s'; SET LOCAL statement_timeout = '300s'; "
    first, *rest = text.splitlines()
    assert first.startswith("SET client_encoding = 'UTF8'; SET lc_messages = 'C'; BEGIN; SELECT pg_catalog.pg_advisory")
    assert rest[:3] == [
        "-- Ω",
        f"{limits}SET LOCAL ROLE \"app\"; SELECT 'x'; {limits}SET LOCAL ROLE NONE; CREATE EXTENSION vector -- y",
        ";",
    ]
    assert rest[-1] == "COMMIT;"
    assert "'it''s'" in rest[-2]


def test_a_failure_in_one_line_with_the_line_of_the_file() -> None:
    read = facts.of(reading.facts("SELECT 1;\nUPDATE a\nSET b = 1;\n"))
    said = (
        'psql:<stdin>:2: NOTICE:  x\npsql:<stdin>:4: ERROR:  column "b" does not exist\nLINE 2: SET b = 1;\n'
        "            ^\nHINT:  Perhaps.\n"
    )
    assert run_file.error_message(said, read) == (
        'lines 2 to 3: ERROR:  column "b" does not exist / LINE 2: SET b = 1; / HINT:  Perhaps.'
    )
    assert run_file.error_message("psql:<stdin>:2: ERROR:  x", read) == "line 1: ERROR:  x"
    assert run_file.error_message("a\nserver closed the connection", Facts()) == "a / server closed the connection"
    assert run_file.error_message("", Facts()) == "psql printed no message."


def test_what_inv_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = {
        "release": RELEASE,
        "files": FILES,
        "skipped": {A: "why"},
        "allow": [A],
        "baseline": None,
        "lock_seconds": 2,
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(brought)))
    assert due.read() == Request(RELEASE, FILES, skipped={A: "why"}, allow=(A,), lock_seconds=2)
    for wrong in ("", "[]", '{"x": 1}'):
        monkeypatch.setattr("sys.stdin", io.StringIO(wrong))
        with pytest.raises(Refused, match="standard input"):
            due.read()


def test_mysql_is_refused() -> None:
    config = Config(CONFIG.raw, {"backend": {"DB_DIALECT": "mysql", "DB_NAME": "x"}}, {})
    with pytest.raises(Refused) as refused:
        due.refuse_dialect(config)
    assert "no transactions around CREATE, ALTER and DROP" in refused.value.why
    due.refuse_dialect(CONFIG)


def test_a_file_that_fails_names_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(_: object, __: object, ___: object, one: Pending, ____: str) -> None:
        if one.name == B:
            raise Failed(f"Migration {B} failed.", "why", "Fix it.")
        ran.append(one.name)

    monkeypatch.setattr(run_file, "carry_out", run)
    monkeypatch.setattr(sets, "names", lambda _: [])
    server = Server({"a": 1}, [])
    found = look(server)
    with pytest.raises(Failed) as failed:
        apply._run_all(CONFIG, cast("Postgres", server), asked(), found, "20261123T030000Z")
    assert ran == [A]
    assert failed.value.what == f"Migration {B} failed. {A} stay applied."
    assert failed.value.do == "Fix it. The data from before: inv restore 20261123T030000Z --host=aipbx.ru"


def test_the_backups_folder_may_be_missing(tmp_path: Path) -> None:
    config = Config({**CONFIG.raw, "app_dir": str(tmp_path)}, CONFIG.services, {})
    assert due.look(config, cast("Postgres", Server({"a": 1}, [])), asked()).sets == []
