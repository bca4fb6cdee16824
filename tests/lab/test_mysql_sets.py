"""Story: a host whose application works with MySQL has backup sets that are whole, verified, and come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import content, faults
from tests.lab.inv_run import Inv

BACKUPS = "/app/aipbx/backups"
ENVIRONMENT = "/app/aipbx/environment.json"
MYSQL = "aipbx-mysql-1"
PASSWORD = "r$o'ot\\"  # noqa: S105  of a story's server
# As Compose would start it for the stack.
LABELS = " ".join(
    f"--label com.docker.compose.{key}={value}"
    for key, value in (("project", "aipbx"), ("service", "mysql"), ("oneoff", "False"))
)
# An event that is on, a view that needs a function, and a right to a function alone.
MORE = """CREATE EVENT oddOften ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01' COMMENT 'DISABLE' DO DELETE FROM oddOld;
CREATE DEFINER = app@'%' VIEW oddCounted AS SELECT oddDouble(id) AS twice, (SELECT MAX(id) FROM oddUsers) FROM oddOld;
GRANT EXECUTE ON FUNCTION oddDouble TO app@'%';
"""
CHANGES = """UPDATE oddUsers SET email = 'lost' WHERE id = 1;
DROP VIEW oddCounted; DROP TABLE oddOld; DROP EVENT oddOften; DROP PROCEDURE oddClean;
CREATE TABLE oddLater (id int PRIMARY KEY, hen int, FOREIGN KEY (hen) REFERENCES oddHens (id));
CREATE EVENT oddLately ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01' DO DELETE FROM oddLater;
CREATE TRIGGER oddLate BEFORE INSERT ON oddUsers FOR EACH ROW SET NEW.balance = 1;
"""
STATE = (
    f"ls -A {BACKUPS}/incoming; cat {BACKUPS}/kept.json; ls -d {BACKUPS}/swap.json {BACKUPS}/places.json "
    "/app/aipbx/lock /app/aipbx/maintenance/on; docker ps --format '{{.Names}}' | sort"
)
WRITES = "while sleep 0.01; do mariadb -uapp -pa aipbx -e 'INSERT INTO oddJournal (said) VALUES (1)'; done"


@pytest.fixture(scope="module")
def told(deployed: Inv, server: Host) -> Iterator[Inv]:
    """A host that was told of MySQL, by hand: `inv env.push` knows no such host yet."""
    variables = "-e MARIADB_DATABASE=aipbx -e MARIADB_USER=app -e MARIADB_PASSWORD=a -e MARIADB_ROOT_PASSWORD"
    server.run(
        f"read -r MARIADB_ROOT_PASSWORD; export MARIADB_ROOT_PASSWORD; "
        f"docker run -d --name {MYSQL} {LABELS} {variables} mariadb:11",
        timeout=180,
        stdin=f"{PASSWORD}\n".encode(),
    )
    ready = f"docker exec {MYSQL} mariadb -h 127.0.0.1 -uapp -pa aipbx -e 'select 1'"
    wait.until(lambda: server.run(ready, check=False).returncode == 0, 90, "MariaDB is ready", ready)
    content.load_mysql(server)
    content.mariadb(server, MORE)
    edit = 's/"DB_DIALECT": "postgres"/"DB_DIALECT": "mysql"/; s/"DB_NAME": "[^"]*"/"DB_NAME": "aipbx"/'
    server.run(f"cp -p {ENVIRONMENT} /tmp/environment && sed -i '{edit}' {ENVIRONMENT}")
    with faults.possible(server):
        yield deployed
    server.run(f"cp -p /tmp/environment {ENVIRONMENT}; docker rm -fv {MYSQL}")


def sets(server: Host) -> list[str]:
    return server.run(f"ls {BACKUPS}/sets").stdout.split()


def test_a_set_is_taken_during_writes_and_verified(told: Inv, server: Host) -> None:
    server.run(f'docker exec --detach {MYSQL} timeout 60 bash -c "{WRITES}"')
    before = sets(server)
    run = told("backup", f"--host={server.name}").succeeded()
    name = (set(sets(server)) - set(before)).pop()
    assert name in run.output
    assert PASSWORD not in run.output + faults.calls(server)
    server.run(f"docker exec {MYSQL} pkill timeout")
    verified = told("verify", f"--name={name}", f"--host={server.name}").succeeded()
    assert f"{name} can be restored" in verified.output

    manifest = f"{BACKUPS}/sets/{name}/manifest.json"
    server.run(f'sed -i \'s/"oddNote": "trigger"/"oddGone": "trigger"/\' {manifest}')
    told("verify", f"--name={name}", f"--host={server.name}").refused(
        "CANNOT BE RESTORED", "trigger oddGone is missing"
    )
    server.run(f"rm -r {BACKUPS}/sets/{name}")


@pytest.mark.test_all
def test_a_backup_that_is_killed_or_cannot_dump_blocks_no_writes(told: Inv, server: Host) -> None:
    before = sets(server)
    faults.at(server, " sh dump ", faults.kill("backup"))
    told("backup", f"--host={server.name}").refused("stopped from outside")
    assert faults.happened(server)
    faults.ended(server, "backup")
    # Its lock on all tables is gone with it.
    content.mariadb(server, "SET SESSION lock_wait_timeout = 20; INSERT INTO oddJournal (said) VALUES ('after');")
    # A view that is invalid: mysqldump would stop in its middle, and a pipe would not tell.
    content.mariadb(server, "RENAME TABLE oddUsers TO oddAway;")
    try:
        told("backup", f"--host={server.name}").refused("mysqldump failed", "View")
    finally:
        content.mariadb(server, "RENAME TABLE oddAway TO oddUsers;")
    assert sets(server) == before
    assert server.run(f"ls -A {BACKUPS}/sets | grep aside", check=False).stdout == ""


def state(server: Host) -> str:
    """What nothing that fails may change."""
    databases = content.mariadb(server, "SHOW DATABASES; SELECT user, host, db FROM mysql.db; SHOW GRANTS FOR app@'%';")
    files = server.run(f"{{ {STATE}; }} 2>&1", check=False).stdout
    return f"{content.fingerprint_mysql(server)}{databases}{files}"


def restored(server: Host, *words: str) -> str:
    """What the host's own program says of a restore that does not succeed."""
    done = server.run(f"aipbx-agent --detached restore {' '.join(words)} 2>&1", check=False, timeout=180)
    assert done.returncode, done.stdout
    return done.stdout


@pytest.mark.test_all
def test_a_set_comes_back_over_changed_data_and_they_come_back_too(told: Inv, server: Host) -> None:
    host = f"--host={server.name}"
    there = sets(server)
    told("backup", host).succeeded()
    name = (set(sets(server)) - set(there)).pop()
    was, kept = content.fingerprint_mysql(server), f"aipbx_before_{name}"
    content.mariadb(server, CHANGES)
    before = state(server)

    unpacked = f"zstd -dc {BACKUPS}/sets/{name}/database.sql.zst"
    for made, why in (("head -c 9000", "not a complete MySQL dump"), ("sed '9i USE `aipbx`;'", "names the database")):
        server.run(f"{unpacked} | {made} | gzip >{BACKUPS}/incoming/bad")
        assert why in restored(server, "bad")
        server.run(f"rm {BACKUPS}/incoming/bad")
    assert state(server) == before
    for after in (False, True):
        faults.at(server, "RENAME TABLE", faults.kill("restore"), after=after)
        restored(server, name)
        assert faults.happened(server)
        faults.ended(server, "restore")
        assert state(server) == before

    run = told("restore", name, host, "--yes").succeeded()
    assert f"The previous data is retained: {kept}" in run.output
    assert content.fingerprint_mysql(server) == was
    assert content.mariadb(server, "SELECT oddDouble(21); SELECT twice FROM oddCounted LIMIT 1;", root=False)
    assert "oddLately SLAVESIDE_DISABLED" in content.fingerprint_mysql(server, database=kept)
    # A file of the team's old script, for inspection: nothing in it works by itself.
    server.run(f"{unpacked} | gzip >{BACKUPS}/incoming/old.sql.gz")
    server.run(f"aipbx-agent --json restore old.sql.gz --to-database=looked; rm {BACKUPS}/incoming/old.sql.gz")
    looked = content.fingerprint_mysql(server, database="looked")
    assert looked.replace("oddOften SLAVESIDE_DISABLED", "oddOften ENABLED") == was

    told("restore", "--undo", host, "--yes").succeeded()
    assert before.startswith(content.fingerprint_mysql(server))
    told("restore", "--discard", host, "--yes").succeeded()
    assert state(server) == before
    server.run(f"rm -r {BACKUPS}/sets/{name}")
