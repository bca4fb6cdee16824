"""Story: a host whose application works with MySQL has backup sets that are whole, and verified."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import wait
from lab.host import Host
from tests.lab import content, faults
from tests.lab.inv_run import Inv
from tests.lab.test_import import unwritten

BACKUPS = "/app/aipbx/backups"
ENVIRONMENT = "/app/aipbx/environment.json"
MYSQL = "aipbx-mysql-1"
PASSWORD = "r$o'ot\\"  # noqa: S105  of a story's server
# As Compose would start it for the stack.
LABELS = " ".join(
    f"--label com.docker.compose.{key}={value}"
    for key, value in (("project", "aipbx"), ("service", "mysql"), ("oneoff", "False"))
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
    edit = 's/"DB_DIALECT": "postgres"/"DB_DIALECT": "mysql"/; s/"DB_NAME": "[^"]*"/"DB_NAME": "aipbx"/'
    server.run(f"cp -p {ENVIRONMENT} /tmp/environment && sed -i '{edit}' {ENVIRONMENT}")
    with faults.possible(server):
        yield deployed
    server.run(f"cp -p /tmp/environment {ENVIRONMENT}; docker rm -fv {MYSQL}")


def sets(server: Host) -> list[str]:
    return server.run(f"ls {BACKUPS}/sets").stdout.split()


def test_a_set_is_taken_while_somebody_writes_and_verified(told: Inv, server: Host) -> None:
    server.run(f'docker exec --detach {MYSQL} timeout 60 bash -c "{WRITES}"')
    before = sets(server)
    run = told("backup", f"--host={server.name}").succeeded()
    name = (set(sets(server)) - set(before)).pop()
    assert name in run.output
    assert PASSWORD not in run.output + faults.calls(server)
    server.run(f"docker exec {MYSQL} pkill timeout")
    verified = told("verify", f"--name={name}", f"--host={server.name}").succeeded()
    assert f"{name} comes back whole" in verified.output

    # By hand, as the README says; what was written since is not in it.
    content.mariadb(server, "CREATE DATABASE by_hand")
    load = f"docker exec -i -e MYSQL_PWD {MYSQL} mariadb -uroot by_hand"
    server.run(
        f"read -r MYSQL_PWD; export MYSQL_PWD; zstd -dc {BACKUPS}/sets/{name}/database.sql.zst | {load}",
        stdin=f"{PASSWORD}\n".encode(),
    )
    live, restored = (unwritten(content.fingerprint_mysql(server, database=one)) for one in ("", "by_hand"))
    assert live == restored

    manifest = f"{BACKUPS}/sets/{name}/manifest.json"
    server.run(f'sed -i \'s/"oddNote": "trigger"/"oddGone": "trigger"/\' {manifest}')
    told("verify", f"--name={name}", f"--host={server.name}").refused(
        "CANNOT BE RESTORED", "trigger oddGone is missing"
    )
    refused = told("restore", name, f"--host={server.name}", "--yes")
    refused.refused("is not restored by this command", "MySQL renames no database")
    assert refused.code == 2
    server.run(f"rm -r {BACKUPS}/sets/{name}")


def test_a_backup_that_is_killed_or_cannot_dump_holds_nobody_up(told: Inv, server: Host) -> None:
    before = sets(server)
    faults.at(server, " sh dump ", faults.kill("backup"))
    told("backup", f"--host={server.name}").refused("ended from outside")
    assert faults.happened(server)
    faults.ended(server, "backup")
    # Its lock on all tables is gone with it.
    content.mariadb(server, "SET SESSION lock_wait_timeout = 20; INSERT INTO oddJournal (said) VALUES ('after');")
    # A view that leads nowhere: mysqldump would stop in its middle, and a pipe would not tell.
    content.mariadb(server, "RENAME TABLE oddUsers TO oddAway;")
    try:
        told("backup", f"--host={server.name}").refused("mysqldump failed", "View")
    finally:
        content.mariadb(server, "RENAME TABLE oddAway TO oddUsers;")
    assert sets(server) == before
    assert server.run(f"ls -A {BACKUPS}/sets | grep aside", check=False).stdout == ""
