"""Story: the database changes with the releases: shown, run once, whole or not at all; no rollback leads past it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import wait
from lab.app import history
from lab.machines.host import Host
from tests.lab import colours, content
from tests.lab.application import BACKEND
from tests.lab.inv_run import Inv
from tests.lab.web import Web

HEAD = BACKEND["fourth"]
IMAGE = "ghcr.io/krasterisk/aipbx_backend"
LEDGER = "SELECT name, how, release, restore_point FROM aipbx_fleet.migrations ORDER BY name"
FOLDER = "migrations/postgres"
GUARD = "2026-09-30-guard.sql"
DUE = "2026-10-01-invoices-due.sql"
DROP = "2026-10-02-no-more-notes.sql"
BLOCK = "DO $$\nBEGIN\n  ALTER TABLE story_lines DROP COLUMN a;\n  ALTER TABLE story_lines DROP b;\nEND $$;\n"
SLOW = "2026-10-03-slow.sql"
INDEX = "2026-10-04-index.sql"
COLUMN = (
    "SELECT column_default || col_description('invoices'::regclass, ordinal_position) "
    "FROM information_schema.columns WHERE column_name = 'due'"
)
# The tables of a host whose application was first started before there was any migration.
ORIGINAL = """
CREATE TABLE roles (id serial PRIMARY KEY, value varchar(255) UNIQUE, description varchar(255), STAMPS);
CREATE TABLE users (id serial PRIMARY KEY, email varchar(255) UNIQUE, password varchar(255), name varchar(255),
    currency varchar(255) NOT NULL DEFAULT 'USD', "isActivated" boolean NOT NULL DEFAULT false,
    "activationCode" varchar(255), "activationExpires" bigint, STAMPS);
CREATE TABLE user_roles ("userId" int REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    "roleId" int REFERENCES roles ON UPDATE CASCADE ON DELETE CASCADE, PRIMARY KEY ("userId", "roleId"));
CREATE TABLE prices (id serial PRIMARY KEY, "userId" int, realtime float8, text float8, analytic float8, stt float8,
    STAMPS);
CREATE TABLE "PbxServers" (id serial PRIMARY KEY, name varchar(255) NOT NULL, location varchar(255) NOT NULL,
    sip_host varchar(255) NOT NULL UNIQUE, "uniqueId" varchar(255) NOT NULL UNIQUE,
    ari_url varchar(255) NOT NULL UNIQUE, ari_user varchar(255) NOT NULL, password varchar(255) NOT NULL,
    "userId" int, STAMPS);
CREATE TABLE invoices (id serial PRIMARY KEY, "userId" int, number varchar(255), total float8, file varchar(255),
    STAMPS);
CREATE TABLE operator_projects (id serial PRIMARY KEY, name varchar(255), "userId" varchar(255), STAMPS);
""".replace("STAMPS", '"createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL')
# What a schema is made of, whatever the order of its columns.
SCHEMA = """
SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = 'public'
UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
UNION SELECT 'extension ' || extname FROM pg_extension
ORDER BY 1
"""
EARLY = "2026-03-21-knowledge-base-tables.sql"
SKIPPED = "2026-05-19-our-organizations-bank.sql"
# What holds an invoice open, as a report that someone left open does.
READER = "SET application_name = 'a report'; BEGIN; SELECT count(*) FROM invoices; SELECT pg_sleep(300)"


@dataclass
class Operator:
    """An operator, a server with a release, and the backend's repository with what the story commits to it."""

    inv: Inv
    server: Host
    work: Path

    def commit(self, **files: str | None) -> str:
        """Commit to master: content by name of a migration; None: it is deleted. Returns the SHA."""
        for name, text in files.items():
            path = self.work / FOLDER / name
            path.unlink() if text is None else path.write_text(text, "utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "A commit of the story")
        self.git("push", "-q", "--force", "origin", "HEAD:master")
        return self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        named = ["git", "-C", str(self.work), "-c", "user.name=Lab", "-c", "user.email=lab@aipbx.test"]
        return subprocess.run([*named, *words], capture_output=True, text=True, check=True).stdout.strip()

    def offer(self, sha: str) -> None:
        """The image of a commit of the story is the one of HEAD."""
        self.server.run(f"docker tag {IMAGE}:{HEAD} {IMAGE}:{sha}")

    def sql(self, query: str) -> str:
        return content.psql(self.server, query)

    def state(self) -> str:
        """What nothing that is refused or rolled back may change."""
        containers = self.server.run("docker ps -q --no-trunc; cat /app/aipbx/images.env").stdout
        return content.fingerprint(self.server) + containers

    @property
    def at(self) -> str:
        return f"--host={self.server.name}"

    def backend(self) -> str:
        name = colours.container(self.server, "backend")
        shown = self.server.run(f"docker inspect -f '{{{{.Config.Image}}}}' {name}").stdout
        return shown.strip().rpartition(":")[2]

    def sets(self) -> list[str]:
        """The backup sets, oldest first."""
        return self.server.run("ls /app/aipbx/backups/sets").stdout.split()


@contextmanager
def reading(operator: Operator) -> Iterator[None]:
    """Someone reads the invoices meanwhile, in a transaction that stays open."""
    operator.server.run(f'docker exec -d aipbx-postgres-1 psql -U aipbx_admin -d aipbx_production -c "{READER}"')
    held = "SELECT count(*) FROM pg_locks WHERE relation = 'invoices'::regclass AND pid <> pg_backend_pid()"
    wait.until(lambda: operator.sql(held).strip() == "1", 20, "somebody reads", "look at the database")
    try:
        yield
    finally:
        operator.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'a report'")


@pytest.fixture(scope="module")
def operator(deployed: Inv, server: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The operator; afterwards the database, both ledgers and the backups are as a first deploy leaves them."""
    if Web(server)("/api/version").json["sha"] != HEAD:
        deployed("deploy", f"--host={server.name}", f"--sha={HEAD}", "--service=backend", "--now", "--yes").succeeded()
    folder = tmp_path_factory.mktemp("git")
    bare = history.make(folder)["krasterisk/aiPBX_backend"]
    subprocess.run(["git", "clone", "-q", str(bare), str(folder / "work")], check=True)
    server.run("cp -p /app/aipbx/releases.jsonl /root/releases.jsonl")
    with deployed.changed(server.name, backend_repository=str(bare)):
        one = Operator(deployed, server, folder / "work")
        yield one
        one.git("push", "-q", "--force", "origin", f"{HEAD}:master")
        if one.backend() != HEAD:
            deployed("deploy", one.at, f"--sha={HEAD}", "--despite-migrations", "--yes")
        one.sql(
            "DROP SCHEMA IF EXISTS aipbx_fleet CASCADE; DROP TABLE IF EXISTS story_notes, story_lines, story_slow; "
            "ALTER TABLE invoices DROP COLUMN IF EXISTS due, DROP COLUMN IF EXISTS paid"
        )
        deployed("migrate", "--baseline", one.at, "--yes").succeeded()
    # Commits that no other story knows are no releases to go back to.
    server.run("rm -rf /app/aipbx/backups/sets/*; mv /root/releases.jsonl /app/aipbx/releases.jsonl")


def test_a_fresh_host_has_the_schema_of_one_that_lived_through_the_files(operator: Operator) -> None:
    files = sorted((operator.work / FOLDER).glob("2026-*.sql"))
    operator.sql("CREATE DATABASE lived")
    try:
        lived = "".join([ORIGINAL, *(path.read_text("utf-8") for path in files)])
        content.psql(operator.server, lived, database="lived")
        assert operator.sql(SCHEMA) == content.psql(operator.server, SCHEMA, database="lived")
    finally:
        operator.sql("DROP DATABASE lived")
    rows = {name: how for name, how, *_ in (line.split("|") for line in operator.sql(LEDGER).splitlines())}
    assert rows == {path.name: "baseline" if path.name == SKIPPED else "run" for path in files}
    order = operator.sql("SELECT name FROM aipbx_fleet.migrations ORDER BY at LIMIT 2").splitlines()
    assert order[0] == EARLY
    told = operator.inv("migrate", operator.at, "--dry").succeeded().output
    assert f"nothing to run; all {len(files)} files are applied" in told
    assert "has no date: add-dynamic-analytics-fields.sql" in told


@pytest.mark.test_all
def test_a_host_of_the_old_rule_is_noticed_and_repaired(operator: Operator) -> None:
    """Until now the first deploy marked all files: what only they make was missing, and nothing said so."""
    before, applied = operator.sql(SCHEMA), operator.sql("SELECT name FROM aipbx_fleet.migrations ORDER BY name")
    operator.sql("DROP INDEX uq_prices_user; UPDATE aipbx_fleet.migrations SET how = 'baseline'")
    told = operator.inv("migrate", operator.at, "--dry").succeeded().output
    assert "2026-06-01-one-price-a-user.sql: index uq_prices_user" in told
    assert "inv migrate --run-marked" in told
    operator.inv("migrate", operator.at, "--run-marked", "--yes").succeeded()
    assert operator.sql(SCHEMA) == before
    marked = operator.sql("SELECT name FROM aipbx_fleet.migrations WHERE how = 'baseline' ORDER BY name").splitlines()
    assert marked == [EARLY, SKIPPED]
    assert operator.sql("SELECT name FROM aipbx_fleet.migrations ORDER BY name") == applied


def test_one_that_fails_leaves_schema_and_release_as_they_were(operator: Operator) -> None:
    before = operator.state()
    with operator.inv.changed(operator.server.name, branch="broken/migration"):
        run = operator.inv("deploy", operator.at, "--service=backend", "--yes")
    run.refused(
        "2026-09-15-invoices-paid.sql: older releases can run with it",
        "Migration 2026-09-15-invoices-paid.sql failed, and nothing of it stays. No other was run.",
        'line 3: ERROR:  column "noSuchColumn" does not exist',
    )
    assert run.code == 1
    assert operator.state() == before
    assert Web(operator.server)("/api/version").json["sha"] == HEAD
    entry = json.loads(operator.server.run("tail -n 1 /app/aipbx/releases.jsonl").stdout)
    assert (entry["result"], entry["after"]["backend"]) == ("failed", BACKEND["broken/migration"])
    assert operator.server.run("[ -e /app/aipbx/lock ]", check=False).returncode == 1


def test_who_is_in_the_way_is_named_and_not_waited_for(operator: Operator) -> None:
    # Texts and bodies with what would end a statement elsewhere; letters of every kind.
    text = (
        "-- Счёт: до когда; aipbx\nALTER TABLE invoices ADD COLUMN due TEXT DEFAULT 'до; '';';\n"
        "COMMENT ON COLUMN invoices.due IS $x$ ; $$ Ω $x$;\n"
    )
    operator.commit(**{DUE: text})
    before = operator.state()
    with reading(operator), operator.inv.changed(operator.server.name, migration_lock_seconds=0.5):
        run = operator.inv("migrate", operator.at, "--sha=" + operator.git("rev-parse", "HEAD"), "--yes")
    run.refused("lock timeout", "It waited 0.5 s", "a report (active, process")
    assert run.code == 1
    assert operator.state() == before


@pytest.mark.test_all
def test_nothing_in_a_file_switches_the_guard_of_locks_off(operator: Operator) -> None:
    base, before = operator.git("rev-parse", "HEAD"), operator.state()
    migrate = ("migrate", operator.at, "--yes")
    try:
        plain = operator.commit(**{GUARD: "SELECT set_config('lock_timeout', '0', false);\n"})
        run = operator.inv(*migrate, f"--sha={plain}")
        run.refused(f"{GUARD}, line 1", "It changes lock_timeout.")
        # What is made when it runs cannot be read: it needs consent, and a second session still sees to the lock.
        block = "DO $$ BEGIN EXECUTE 'SET lock_timeout = 0'; LOCK invoices; END $$;\n"
        hidden = operator.commit(**{GUARD: block})
        operator.inv(*migrate, f"--sha={hidden}").refused("SQL that is made when it runs")
        with reading(operator), operator.inv.changed(operator.server.name, migration_lock_seconds=0.5):
            run = operator.inv(*migrate, f"--sha={hidden}", f"--allow-destructive={GUARD}")
    finally:
        operator.git("reset", "-q", "--hard", base)
        operator.git("push", "-q", "--force", "origin", "HEAD:master")
    run.refused(f"Migration {GUARD} failed, and nothing of it stays", "It waited 0.5 s", "a report (active, process")
    assert operator.state() == before


def test_it_is_shown_then_run_once_with_the_release(operator: Operator) -> None:
    sha = operator.git("rev-parse", "HEAD")
    operator.offer(sha)
    assert (
        f"{DUE}: older releases can run with it" in operator.inv("migrate", operator.at, "--dry", f"--sha={sha}").output
    )
    assert DUE not in operator.sql(LEDGER)
    run = operator.inv("deploy", operator.at, "--service=backend", "--yes").succeeded()
    assert run.output.index(f"{DUE}: older releases can run with it") < run.output.index("Restore point:")
    point = operator.sets()[-1]
    assert f"{DUE}|run|{sha}|{point}\n" in operator.sql(LEDGER)
    assert f"Restore point: {point}" in run.output
    assert operator.sql(COLUMN) == "'до; '';'::text ; $$ Ω \n"
    assert operator.backend() == sha

    before = operator.sql("SELECT * FROM aipbx_fleet.migrations ORDER BY name")
    assert "nothing to run; all 9 files are applied" in operator.inv("migrate", operator.at, "--yes").succeeded().output
    assert operator.sql("SELECT * FROM aipbx_fleet.migrations ORDER BY name") == before
    assert operator.sets()[-1] == point, "without a migration there is no restore point"


@pytest.mark.test_all
def test_what_was_applied_may_neither_change_nor_go(operator: Operator) -> None:
    before, base = operator.state(), operator.git("rev-parse", "HEAD")
    rows = operator.sql("SELECT name, sha256 FROM aipbx_fleet.migrations").splitlines()
    applied = dict(row.split("|") for row in rows)[DUE]
    changed = operator.commit(**{DUE: "-- nothing\n"})
    operator.inv("migrate", operator.at, f"--sha={changed}", "--yes").refused(
        f"Migration {DUE} is not what was applied", applied, f"inv migrate --baseline={DUE}"
    )
    operator.commit(**{DUE: None})
    operator.inv("deploy", operator.at, "--service=backend", "--yes").refused(
        f"migration {DUE} was applied", applied, "now: none"
    )
    operator.git("reset", "-q", "--hard", base)
    assert operator.state() == before


@pytest.fixture
def losing(operator: Operator) -> Iterator[None]:
    """The next commit would drop rows."""
    base = operator.git("rev-parse", "HEAD")
    operator.sql(
        "DROP TABLE IF EXISTS story_notes, story_lines; SET ROLE aipbx_user; "
        "CREATE TABLE story_notes AS SELECT generate_series(1, 3) AS id; "
        "CREATE TABLE story_lines AS SELECT i AS a, nullif(i % 2, 0) AS b FROM generate_series(1, 4) i"
    )
    sha = operator.commit(**{DROP: f"DROP TABLE story_notes;\n{BLOCK}"})
    operator.offer(sha)
    yield
    if DROP not in operator.sql(LEDGER):
        operator.git("reset", "-q", "--hard", base)


@pytest.mark.usefixtures("losing")
def test_rows_go_with_consent_only(operator: Operator) -> None:
    before = operator.state()
    operator.inv("deploy", operator.at, "--service=backend", "--yes").refused(
        f"migration {DROP} would delete rows.",
        "line 1: DROP TABLE: story_notes has 3 rows",
        "line 4: DROP COLUMN a: 4 of 4 rows of story_lines have a value",
        "line 5: DROP COLUMN b: 2 of 4 rows of story_lines have a value",
        f"--allow-destructive={DROP}",
    )
    assert operator.state() == before


@pytest.mark.test_all
@pytest.mark.usefixtures("losing")
def test_no_rollback_leads_past_rows_that_went(operator: Operator) -> None:
    operator.inv("deploy", operator.at, "--service=backend", "--yes", f"--allow-destructive={DROP}").succeeded()
    assert operator.sql("SELECT to_regclass('story_notes') IS NULL") == "t\n"
    point = operator.sets()[-1]
    assert point in operator.inv("backups", operator.at).succeeded().output
    before = operator.state()
    back = ("rollback", operator.at, f"--to={HEAD}", "--yes")
    operator.inv(*back).refused(f"{DROP} of ", "DROP TABLE story_notes", f"inv restore {point} {operator.at}")
    assert operator.state() == before
    run = operator.inv(*back, "--despite-migrations").succeeded()
    assert f"{DUE} stays applied; backend {HEAD[:8]} does not know it: it can run with it" in run.output
    assert operator.backend() == HEAD


@pytest.mark.test_all
def test_a_laptop_that_dies_stops_nothing(operator: Operator) -> None:
    sha = operator.commit(**{SLOW: "CREATE TABLE story_slow AS SELECT pg_sleep(4)::text;\n"})
    run = operator.inv.started("migrate", operator.at, f"--sha={sha}", "--yes")
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE story_slow%'"
    wait.until(lambda: operator.sql(running).strip() == "1", 90, "it runs", "look at inv migrate")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=20)
    wait.until(lambda: SLOW in operator.sql(LEDGER), 30, "it is through", "journalctl -u aipbx-agent-migrate")
    gone = "[ ! -e /app/aipbx/lock ] && [ ! -L /app/aipbx/lock ]"
    wait.until(
        lambda: operator.server.run(gone, check=False).returncode == 0, 30, "no lock is left", "ls -l /app/aipbx"
    )


@pytest.mark.test_all
def test_what_no_transaction_can_hold_is_refused_and_may_be_marked(operator: Operator) -> None:
    sha = operator.commit(**{INDEX: "CREATE INDEX CONCURRENTLY i ON invoices (due);\n"})
    migrate = ("migrate", operator.at, f"--sha={sha}", "--yes")
    operator.inv(*migrate).refused(f"{INDEX}, line 1: CREATE INDEX CONCURRENTLY", f"inv migrate --baseline={INDEX}")
    operator.inv(*migrate, "--baseline=x.sql").refused("no migration 'x.sql'")
    operator.inv(*migrate, f"--baseline={INDEX}").succeeded()
    assert f"{INDEX}|baseline|{sha}|\n" in operator.sql(LEDGER)
    late = operator.commit(**{"2026-10-03-late.sql": "SELECT 1;\n"})
    operator.inv("migrate", operator.at, f"--sha={late}", "--yes").refused("2026-10-03-late.sql is out of order", INDEX)


@pytest.mark.test_all
def test_a_database_that_lived_without_a_ledger_says_so(operator: Operator) -> None:
    operator.sql("DROP SCHEMA aipbx_fleet CASCADE")
    before = operator.state()
    operator.inv("deploy", operator.at, f"--sha={HEAD}", "--yes").refused("no ledger", f"--baseline {operator.at}")
    assert operator.state() == before
    run = operator.inv("migrate", "--baseline", operator.at, "--yes").succeeded()
    assert "8 marked as applied, up to 2026-09-01-invoices-note.sql" in run.output
    operator.inv("rollback", operator.at, "--to=beef1234", "--yes").refused("no release to go back to")
