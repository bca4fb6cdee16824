"""Story: what is in MySQL becomes what aiPBX works with under PostgreSQL, or nothing has changed."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import content, faults
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import Run
from tests.lab.web import Web

LIVE = "aipbx_production"
INCOMING = "/app/aipbx/backups/incoming"
OLD = "app-mysql-1"
PASSWORD = "p$w'\\d"  # noqa: S105  of a story's server
STATE = (
    "docker exec aipbx-postgres-1 psql -U aipbx_admin -lqAt | grep ^aipbx; docker ps -a --format '{{.Names}}' | sort; "
    f"ls -A {INCOMING} /app/aipbx/maintenance; ls -d /app/aipbx/lock; cat /app/aipbx/backups/kept.json; "
    f"docker exec aipbx-postgres-1 psql -U aipbx_admin -qAt {LIVE} -c 'TABLE users ORDER BY id'"
)
# What import.postgres.sql made, wherever a story ended.
UNLOAD = """DROP TABLE IF EXISTS "oddUsers", "Odd `Table` Name", "звонки", oddempty, "oddValues", "oddTexts", "oddOld",
    "oddCalls", "oddEggs", "oddHens", "oddJournal", "oddOnlyHere" CASCADE;
DROP TYPE IF EXISTS "oddMood"; DROP FUNCTION IF EXISTS "oddNote"; DELETE FROM users WHERE email = 'n';"""
# oddComputed has no place in the application's database.
WITHOUT = "--without=oddComputed"


@dataclass(frozen=True)
class Given:
    """A server whose application has tables for what an old MySQL beside it holds."""

    inv: Inv
    server: Host

    def run(self, source: str, *words: str) -> Run:
        return self.inv("db.import-mysql", f"--host={self.server.name}", f"--from={source}", "--yes", *words)

    def old(self, sql: str) -> str:
        return content.mariadb(self.server, sql, "app", "aipbx")

    def state(self) -> str:
        """What no failure may change."""
        return self.server.run(f"{{ {STATE}; }} 2>&1", check=False).stdout


@pytest.fixture(scope="module")
def given(deployed: Inv, server: Host) -> Iterator[Given]:
    variables = "-e MYSQL_DATABASE=aipbx -e MYSQL_USER=app -e MYSQL_PASSWORD -e MARIADB_ROOT_PASSWORD=r"
    server.run(
        f"read -r MYSQL_PASSWORD; export MYSQL_PASSWORD; docker run -d --name {OLD} {variables} mariadb:11",
        timeout=180,
        stdin=f"{PASSWORD}\n".encode(),
    )
    login = 'exec mariadb -h 127.0.0.1 -uapp -p"$MYSQL_PASSWORD" aipbx -e "select 1"'
    ready = f"docker exec {OLD} sh -c {shlex.quote(login)}"
    wait.until(lambda: server.run(ready, check=False).returncode == 0, 90, "MariaDB is ready", ready)
    made = Given(deployed, server)
    for name in ("odd.mysql", "application.mysql"):
        made.old((content.HERE / f"{name}.sql").read_text("utf-8"))
    with faults.possible(server):
        yield made
    server.run(f"docker rm -fv {OLD}")
    content.psql(server, UNLOAD)


def test_what_has_no_place_or_is_not_whole_is_refused(given: Given) -> None:
    server, before = given.server, given.state()
    dump = f"docker exec {OLD} mariadb-dump -uroot -pr aipbx | gzip"
    theirs = f"docker exec aipbx-postgres-1 pg_dump -U aipbx_admin -Fc {LIVE}"
    for made, words, why in (
        (f"{dump} | head -c 90000", "bad", "is incomplete"),
        (f"{dump} | zcat | head -c 90000 | gzip", "bad", "is not a complete MySQL dump"),
        (f"{dump}; printf x | dd of={INCOMING}/bad bs=1 seek=90000 conv=notrunc status=none", "bad", "is incomplete"),
        (f"{theirs} | gzip", "bad", "is not a complete MySQL dump"),
        (theirs, "bad", "does not begin as mysqldump does"),
        (f"{dump} --help", "../sets", "is neither `container:NAME` nor a file"),
        ("true", "container:nobody", "There is no container nobody"),
        ("true", f"container:{OLD} --database=mysql", "cannot be read"),
        ("true", f"container:{OLD}", "table oddUsers"),
        ("true", f"container:{OLD} --without=nobody", "has no table nobody"),
        ("mkdir /app/aipbx/lock; echo anna >/app/aipbx/lock/owner", f"container:{OLD}", "By anna."),
    ):
        try:
            server.run(f"{{ {made}; }} >{INCOMING}/bad 2>/dev/null", check=False)
            done = server.run(f"aipbx-agent --json import-mysql {words} 2>&1", check=False, timeout=120)
        finally:
            server.run(f"rm -rf {INCOMING}/bad /app/aipbx/lock")
        assert (done.returncode, "Traceback" in done.stdout) == (2, False), f"{made}: {done.stdout}"
        assert why in done.stdout
    assert given.state() == before


@pytest.fixture(scope="module")
def known(given: Given) -> Given:
    """From now on the application knows the odd ones, too."""
    content.psql(given.server, (content.HERE / "import.postgres.sql").read_text("utf-8"))
    return given


@pytest.mark.test_all
def test_a_run_that_fails_leaves_all_as_it_was(known: Given) -> None:
    server, before = known.server, known.state()
    source = f"container:{OLD}"

    # A reference that is invalid: MySQL did not watch over it.
    known.old("SET foreign_key_checks = 0; INSERT INTO oddEggs VALUES (9, 999, NULL);")
    run = known.run(source, WITHOUT)
    run.refused("not what the application's schema takes", "oddEggs")
    assert run.code == 1
    known.old("DELETE FROM oddEggs WHERE id = 9;")
    assert known.state() == before

    # A value that changes on its way.
    psql = "/usr/bin/docker exec aipbx-postgres-1 psql -U aipbx_admin"
    change = "UPDATE users SET name = '' WHERE id = 7"
    spoil = f"{psql} $({psql} -lqAt | cut -d'|' -f1 | grep {LIVE}_import) -c {shlex.quote(change)}"
    faults.at(server, "--section=post-data", spoil)
    run = known.run(source, WITHOUT)
    run.refused("was not imported unchanged", "users: content of name differs")
    assert run.code == 1
    assert known.state() == before


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("COPY .public", marks=pytest.mark.test_all),
        pytest.param("--section=post-data", marks=pytest.mark.test_all),
        "concat_ws",
    ],
)
def test_a_run_that_is_killed_leaves_all_as_it_was(known: Given, moment: str) -> None:
    server, before = known.server, known.state()
    faults.at(server, moment, faults.kill("import-mysql"))
    assert known.run(f"container:{OLD}", WITHOUT).code == 1
    assert faults.happened(server)
    faults.ended(server, "import-mysql")
    assert known.state() == before


def unwritten(fingerprint: str) -> list[str]:
    """What a source holds beside the table that someone writes to: its rows and its small counter."""
    written = re.compile(r"oddJournal|AUTO_INCREMENT=\d{1,3} ")
    return [line for line in fingerprint.splitlines() if not written.search(line)]


def test_the_running_mysql_is_imported_during_writes(known: Given) -> None:
    server = known.server
    whole = content.fingerprint_mysql(server, "app", "aipbx")
    writes = "while sleep 0.1; do mariadb -uroot -pr aipbx -e 'INSERT INTO oddJournal (said) VALUES (1)'; done"
    server.run(f'docker exec --detach {OLD} timeout 60 bash -c "{writes}"')
    run = known.run(f"container:{OLD}", WITHOUT).succeeded()
    assert "5000  invoices" in run.output
    assert "the same on both sides" in run.output
    assert "oddUsers: 3 dates of zeros became NULL or 1970" in run.output
    assert "oddOld is MyISAM" in run.output
    assert PASSWORD not in run.output + faults.calls(server)

    ask = "SELECT count(*), max(id), sum(length(name)) FROM users"
    theirs = known.old("SELECT COUNT(*), MAX(id), SUM(CHAR_LENGTH(name)) FROM users").strip().split("\t")
    assert content.psql(server, ask).strip().split("|") == theirs
    assert (
        content.psql(
            server, 'INSERT INTO users (email, "createdAt", "updatedAt") VALUES (\'n\', now(), now()) RETURNING id'
        )
        == "900\n"
    )
    assert content.psql(server, 'SELECT word FROM "oddOnlyHere"') == "stays\n"
    assert (
        content.psql(
            server, 'INSERT INTO "oddHens" VALUES (50, NULL); SELECT count(*) FROM "oddJournal" WHERE said = \'hen 50\''
        )
        == "1\n"
    )
    # The price that MySQL had: the application works with what came.
    assert "0.77" in Web(server)("/api/prices/public").body
    assert unwritten(content.fingerprint_mysql(server, "app", "aipbx")) == unwritten(whole)

    known.inv("restore", "--undo", f"--host={server.name}", "--yes").succeeded()
    assert content.psql(server, "SELECT count(*) FROM users WHERE email LIKE '%old.example'") == "0\n"
    known.inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()


@pytest.mark.test_all
def test_a_file_of_the_plan_s_script_comes_over(known: Given, tmp_path: Path) -> None:
    server = known.server
    options = "--single-transaction --routines --triggers"
    command = f'docker exec {OLD} mysqldump -uapp -p"$(cat)" aipbx {options} | gzip | base64'
    path = tmp_path / "aipbx_20261122_030000.sql.gz"
    path.write_bytes(base64.b64decode(server.run(command, stdin=PASSWORD.encode()).stdout))
    run = known.run(str(path), WITHOUT).succeeded()
    assert path.name in run.output
    assert content.psql(server, "SELECT count(*) FROM invoices") == "5000\n"
    assert server.run(f"ls -A {INCOMING}; docker ps -aq --filter name=aipbx-import").stdout == ""
    known.inv("restore", "--undo", f"--host={server.name}", "--yes").succeeded()
    known.inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()
