"""Story: someone drops a table, and the database comes back as it was a second before; whatever happens to its log."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from lab.world.object_storage import ACCESS_KEY, ENDPOINT, REGION, SECRET_KEY, bucket
from tests.lab import content, faults
from tests.lab.inv_run import Inv
from tests.lab.test_restore import STATE

BACKUPS = "/app/aipbx/backups"
LIVE = "aipbx_production"
HOOK = "https://hooks.slack.com/services/T0/B0/pitr"
LIMIT = "SELECT datconnlimit FROM pg_database WHERE datname = current_database()"
NOW = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
# What is kept, and what a scratch server leaves.
PLACES = f"ls {BACKUPS}/base; docker volume ls -q | grep point; docker ps -aq --filter name=aipbx-point"


@dataclass(frozen=True)
class Given:
    """A server whose log goes to object storage, with three rows in a table, and the moments between them.

    Args:
        moments: after the first row, after the second, after the third.
    """

    inv: Inv
    server: Host
    moments: list[str]

    def at(self, moment: str, *words: str) -> list[str]:
        """The words of a point-in-time recovery."""
        return ["restore", f"--at={moment}", f"--host={self.server.name}", "--yes", *words]

    def state(self) -> str:
        """What no failure may change."""
        return self.server.run(f"{{ {STATE}; {PLACES}; }} 2>&1", check=False).stdout


def rows(server: Host, database: str = "") -> str:
    return content.psql(
        server, "SELECT string_agg(name, ' ' ORDER BY name) FROM story_point", database=database
    ).strip()


def write(server: Host, name: str) -> None:
    content.psql(server, f"INSERT INTO story_point VALUES ('{name}')")  # noqa: S608  our own word


def named(at: str) -> str:
    """A moment as the host's program has it."""
    return shlex.quote(f"@{at.replace(' ', 'T')}Z")


def moment(server: Host) -> str:
    return content.psql(server, NOW).strip()


def told(server: Host) -> dict[str, object]:
    found: dict[str, object] = json.loads(server.run(f"cat {BACKUPS}/wal-state.json").stdout)
    return found


def begun(server: Host) -> bool:
    """Whether the first moment of the newest base backup is over: the second after its end."""
    command = f"ls {BACKUPS}/base/*.json | tail -n 1 | grep -o '[^-]*Z'; date -u +%Y%m%dT%H%M%SZ"
    first, now = server.run(command).stdout.split()
    return first < now


def converge(inv: Inv) -> None:
    inv.bootstrap.only("agent", "backups", "offsite")("-y").succeeded()


def set_env(inv: Inv, server: Host, **values: str) -> None:
    path = inv.ssh_config.parent / "env" / f"{server.name}.env"
    lines = [line for line in path.read_text().splitlines() if line.partition("=")[0] not in values]
    path.write_text("\n".join([*lines, *(f"{name}='{value}'" for name, value in values.items())]) + "\n")
    inv("env.push", f"--host={server.name}", "--yes").succeeded()


@pytest.fixture(scope="module")
def given(deployed: Inv, server: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    inv = deployed
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path_factory.mktemp("pitr") / "age.key"))
        (public,) = re.findall(r'"(age1\w+)"', inv("offsite.key").succeeded().output)
        store = {"kind": "s3", "endpoint": ENDPOINT, "region": REGION, "bucket": bucket(server.name)}
        with inv.changed(server.name, offsite=store, backup_recipients=[public]):
            set_env(inv, server, OFFSITE_S3_ACCESS_KEY_ID=ACCESS_KEY, OFFSITE_S3_SECRET_ACCESS_KEY=SECRET_KEY,
                    ALERT_SLACK_WEBHOOK=HOOK)  # fmt: skip
            converge(inv)
            server.run("systemctl start aipbx-base.service", timeout=120)
            wait.until(lambda: begun(server), 10, "the first moment of the base backup", f"ls {BACKUPS}/base")
            content.psql(server, "DROP TABLE IF EXISTS story_point; CREATE TABLE story_point (name text)")
            content.psql(server, f"ALTER DATABASE {LIVE} CONNECTION LIMIT 66")
            moments = []
            for name in ("first", "second", "third"):
                write(server, name)
                moments.append(moment(server))
            with faults.possible(server):
                yield Given(inv, server, moments)
        content.psql(server, "DROP TABLE IF EXISTS story_point")
        converge(inv)


def test_a_table_that_was_dropped_comes_back_as_it_was_the_moment_before(given: Given) -> None:
    server, inv = given.server, given.inv
    content.psql(server, f"DROP TABLE story_point; ALTER DATABASE {LIVE} CONNECTION LIMIT -1")
    run = inv(*given.at(f"{given.moments[1]} UTC")).succeeded()
    assert f"the database as it was at {given.moments[1].rstrip('0')} UTC" in run.output
    assert "Files stay as they are now" in run.output
    assert rows(server) == "first second"
    assert content.psql(server, LIMIT) == "66\n"
    assert server.run(PLACES.partition(";")[2], check=False).stdout == ""

    inv("restore", "--undo", f"--host={server.name}", "--yes").succeeded()
    assert content.psql(server, f"SELECT to_regclass('story_point'); {LIMIT}").split() == ["-1"]
    inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()


def test_what_cannot_be_is_refused_before_anything_is_touched(given: Given) -> None:
    before = given.state()
    for at, why in (
        ("2126-01-01 00:00", "in the future"),
        ("2020-01-01 00:00 Europe/Moscow", "2019-12-31 21:00:00 UTC cannot be restored"),
    ):
        run = given.inv(*given.at(at))
        assert (run.code, why in run.output) == (2, True), run.output
    assert given.state() == before


@pytest.mark.test_all
@pytest.mark.parametrize("when", ["pg_verifybackup", "pg_is_in_recovery", "pg_dump"])
def test_killed_at_any_step_it_leaves_all_as_it_was(given: Given, when: str) -> None:
    server, before = given.server, given.state()
    faults.at(server, when, faults.kill("restore"))
    command = f"aipbx-agent --detached restore {named(given.moments[2])} 2>&1"
    done = server.run(command, check=False, timeout=360)
    assert done.returncode not in {0, 2}, done.stdout
    assert faults.happened(server)
    faults.ended(server, "restore")
    assert given.state() == before


@pytest.mark.test_all
def test_a_target_after_the_last_write_restores_everything(given: Given) -> None:
    server = given.server
    content.psql(server, "CREATE TABLE story_point (name text)")
    write(server, "last")
    at = moment(server)
    # The segment is closed so long after it that its name says so, with no commit in between.
    content.psql(server, "SELECT pg_sleep(3)")
    content.psql(server, "SELECT pg_switch_wal()")
    done = server.run(f"aipbx-agent restore {named(at)} --to-database=look 2>&1", check=False, timeout=360)
    assert done.returncode == 0, done.stdout
    assert rows(server, "look") == "last"
    content.psql(server, "DROP TABLE story_point")
    given.inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()


@pytest.mark.test_all
def test_what_the_host_no_longer_has_comes_from_off_site(given: Given, tmp_path: Path) -> None:
    server, inv = given.server, given.inv
    # A moment that is over, in the store, as the names there say.
    content.psql(server, "SELECT pg_current_xact_id(); SELECT pg_switch_wal()")
    covered = given.moments[2].replace(" ", "T")[:19] + "Z"
    wait.until(lambda: str(told(server)["sent"]) > covered, 60, "the log is off-site", str(told(server)))
    try:
        server.run(f"systemctl stop aipbx-wal; rm -f {BACKUPS}/wal/* {BACKUPS}/base/*")
        at = given.at(given.moments[0], "--to-database=look")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "other.key"))
            inv("offsite.key").succeeded()
            inv(*at).refused("cannot be opened here")
        run = inv(*at).succeeded()
        assert "This host does not have it; s3://" in run.output
        assert rows(server, "look") == "first"
    finally:
        server.run("systemctl start aipbx-wal")
    inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()
    wait.until(lambda: server.run(f"ls {BACKUPS}/base/*.json", check=False).returncode == 0, 90, "a new base backup",
               "journalctl -u aipbx-base")  # fmt: skip


@pytest.mark.test_all
def test_wal_that_cannot_be_stored_is_reported_and_stops_nothing(given: Given, lab: Running) -> None:
    server, inv = given.server, given.inv
    before = len(lab.world.notifications())
    # PostgreSQL may no longer write there.
    server.run(f"chmod 755 {BACKUPS}/spool")
    content.psql(server, "CREATE TABLE story_point (name text)")
    try:
        for number in range(8):
            write(server, str(number))
            content.psql(server, "SELECT pg_switch_wal()")
        given_up = "docker logs aipbx-postgres-1 2>&1 | grep -c 'IS GIVEN UP'"
        wait.until(lambda: int(server.run(given_up, check=False).stdout) > 1, 90, "it is given up", given_up)
        assert rows(server) == " ".join(map(str, range(8)))
    finally:
        server.run(f"chmod 1777 {BACKUPS}/spool")
    gap = f"inv backups --host={server.name}"
    wait.until(
        lambda: any("has a gap" in one.body for one in lab.world.notifications()[before:]), 120, "somebody is told", gap
    )
    assert "no recovery from" in inv("backups", f"--host={server.name}").output
    wait.until(lambda: bool(told(server)["ok"]), 120, "from then on", gap)
    wait.until(lambda: begun(server), 10, "a new base backup", gap)
    at = moment(server)
    content.psql(server, "DROP TABLE story_point")
    command = f"aipbx-agent --detached restore {named(at)} --to-database=look 2>&1"
    done = server.run(command, check=False, timeout=360)
    assert done.returncode == 0, done.stdout
    assert rows(server, "look") == " ".join(map(str, range(8)))
    inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()
