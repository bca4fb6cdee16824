"""Story: what was backed up comes back whole; whatever goes wrong on the way, what is live stays as it is."""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import content, faults, rows
from tests.lab.inv_run import FILLED, Inv
from tests.lab.web import Web

BACKUPS = "/app/aipbx/backups"
INCOMING = f"{BACKUPS}/incoming"
LIVE = "aipbx_production"
STATIC, VOICES = (f"/var/lib/docker/volumes/aipbx_backend_{name}" for name in ("static", "tts_voices"))
# All that a restore could have changed or left, but what kept.json says is kept.
STATE = (
    "docker exec aipbx-postgres-1 psql -U aipbx_admin -lqAt | grep ^aipbx; docker ps -a --format '{{.Names}}' | sort; "
    f"docker network ls --format '{{{{.Name}}}}' | sort; ls -A {STATIC} {VOICES} {INCOMING} /app/aipbx/maintenance; "
    f"find {BACKUPS}/sets | sort; ls -d /app/aipbx/lock {BACKUPS}/swap.json {BACKUPS}/roles.json; "
    f"cat {BACKUPS}/kept.json; "
    f"cat {STATIC}/_data/story/*"
)
HEALTHY = (
    "until docker ps --filter name=aipbx-backend- --filter health=healthy --format '{{.Names}}' | grep -q .; "
    "do sleep 0.2; done"
)


# Its mounts and networks, its database, and whether it reaches the database, the world, nginx, the live backend.
LOOK_AT_THE_THROWAWAY = r"""
name=aipbx-readiness-backend-1
live=$(docker ps --format '{{.Names}}' --filter name=aipbx-backend-)
docker inspect -f '{{.Mounts}} {{range $n, $_ := .NetworkSettings.Networks}}{{$n}}{{end}}' $name
docker exec $name printenv DB_NAME
for place in postgres/5432 198.51.100.2/443 aipbx-nginx-1/8080 $live/5005; do
	docker exec $name timeout 2 bash -c "</dev/tcp/$place" 2>/dev/null; echo $?
done
"""

# What belongs to roles that no other server has, and to the database itself.
OWN = f"""
CREATE ROLE story_readers;
CREATE ROLE "story Отчёт" LOGIN PASSWORD 'hunter2' CONNECTION LIMIT 3 IN ROLE story_readers;
CREATE ROLE story_owner;
ALTER ROLE "story Отчёт" SET work_mem = '7MB';
CREATE TABLE story_report AS SELECT 1 AS n;
ALTER TABLE story_report OWNER TO story_owner;
GRANT SELECT ON story_report TO story_readers;
ALTER DEFAULT PRIVILEGES FOR ROLE story_owner GRANT SELECT ON TABLES TO story_readers;
CREATE FUNCTION story_seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER story_definitions ON ddl_command_end EXECUTE FUNCTION story_seen();
CREATE PUBLICATION story_news FOR TABLE story_report;
ALTER DATABASE {LIVE} SET work_mem = '5MB';
ALTER ROLE "story Отчёт" IN DATABASE {LIVE} SET statement_timeout = '5s';
ALTER DATABASE {LIVE} CONNECTION LIMIT 77;
COMMENT ON DATABASE {LIVE} IS 'it''s ours; ALTER DATABASE {LIVE} CONNECTION LIMIT 1;';
REVOKE ALL ON DATABASE {LIVE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {LIVE} TO story_readers WITH GRANT OPTION;
"""  # noqa: S608  our own words
# The same server, as if it had never known them.
NOT_OWN = f"""
DROP PUBLICATION IF EXISTS story_news;
DROP EVENT TRIGGER IF EXISTS story_definitions;
DROP FUNCTION IF EXISTS story_seen;
DROP OWNED BY story_owner;
DROP OWNED BY story_readers;
DROP OWNED BY "story Отчёт";
DROP ROLE story_owner, story_readers, "story Отчёт";
ALTER DATABASE {LIVE} RESET work_mem;
ALTER DATABASE {LIVE} CONNECTION LIMIT -1;
COMMENT ON DATABASE {LIVE} IS NULL;
GRANT CONNECT, TEMPORARY ON DATABASE {LIVE} TO PUBLIC;
"""
ROLES = """
SELECT rolname, rolcanlogin, rolpassword IS NULL, rolconnlimit, (SELECT setconfig FROM pg_db_role_setting
WHERE setrole = r.oid AND setdatabase = 0), (SELECT string_agg(roleid::regrole::text, ',') FROM pg_auth_members
WHERE member = r.oid) FROM pg_authid r WHERE rolname LIKE 'story%' ORDER BY rolname COLLATE "C"
"""


@dataclass(frozen=True)
class Given:
    """A server with odd content, a set of it, and someone who writes all the while."""

    inv: Inv
    server: Host
    name: str
    whole: str

    def restore(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The host's own program, as its unit runs it."""
        command = shlex.join(["aipbx-agent", "--detached", "restore", *words])
        return self.server.run(f"{command} 2>&1", check=False, timeout=180)

    def fingerprint(self, database: str = "") -> str:
        """Everything in a database but what is written all the while."""
        lines = content.fingerprint(self.server, database=database).splitlines()
        return "\n".join(line for line in lines if "story_written" not in line)

    def state(self) -> str:
        """What no failure may change."""
        return self.server.run(f"{{ {STATE}; }} 2>&1", check=False).stdout

    def lost(self, *databases: str) -> set[str]:
        """What the server had acknowledged and none of these databases holds."""
        return rows.lost(self.server, *databases)


def healthy(server: Host) -> None:
    server.run(f"timeout 60 sh -c {shlex.quote(HEALTHY)}", timeout=70)


@pytest.fixture(scope="module")
def given(deployed: Inv, server: Host) -> Iterator[Given]:
    if not content.psql(server, "SELECT to_regclass('odd_values')").strip():
        content.load(server)
    content.psql(server, OWN)
    # What the superuser has made here is the application's, as after a deploy and after a restore.
    server.run("aipbx-agent roles")
    server.run(f"mkdir -p {STATIC}/_data/story && printf paid >{STATIC}/_data/story/'счёт 7.pdf'")
    with rows.written(server):
        deployed("backup", f"--host={server.name}").succeeded()
        name = server.run(f"ls {BACKUPS}/sets").stdout.split()[-1]
        made = Given(deployed, server, name, "")
        with faults.possible(server):
            yield Given(deployed, server, name, made.fingerprint())
    # The roles are back after a restore; what else is left depends on which stories ran.
    content.psql(server, NOT_OWN)
    server.run(f"rm -r {BACKUPS}/sets/{name} {STATIC}/_data/story")


def edited(name: str, change: str) -> str:
    """The command that makes another set of one, its manifest changed by Python: `m` is it."""
    script = f"import json; p = 'manifest.json'; m = json.load(open(p)); {change}; json.dump(m, open(p, 'w'))"
    other = f"{BACKUPS}/sets/20200101T000000Z"
    return f"rm -rf {other} && cp -r {BACKUPS}/sets/{name} {other} && cd {other} && python3 -c {shlex.quote(script)}"


def file(made: str) -> str:
    """The command that makes a file to restore, from what goes before."""
    return f"cd {INCOMING}; docker exec aipbx-postgres-1 pg_dump -U aipbx_admin -Fc {LIVE} | {made}"


BAD = [
    (":", "19990101T000000Z", "is not a backup set"),
    (file("gzip >bad; printf x | dd of=bad bs=1 seek=90000 conv=notrunc status=none"), "bad", "is incomplete"),
    (edited("$SET", "m['host'] = 'aipbx.net'"), "20200101T000000Z", "was taken on aipbx.net, and this is aipbx.ru"),
    (f"ln -s /etc/shadow {INCOMING}/bad", "bad", "neither a set of this host nor a file"),
    (f"touch {INCOMING}/bad", "bad", "is not a backup that can be restored"),
    (file("gzip | head -c 90000 >bad"), "bad", "unexpected end of file"),
    (file("head -c 90000 >bad"), "bad", "not a dump that pg_restore reads"),
    (file("cat >/dev/null; head -c 90000 /dev/urandom >bad"), "bad", "It begins like nothing that we know."),
    (f"tar -C {BACKUPS}/sets/$SET -c manifest.json ../$SET/database.dump -Pf {INCOMING}/bad", "bad", "does not belong"),
    (
        f"cd {BACKUPS}/sets/$SET && tar -cf - manifest.json database.dump | head -c 90000 >{INCOMING}/bad",
        "bad",
        "is incomplete",
    ),
    ("mkdir /app/aipbx/lock && echo anna@desk >/app/aipbx/lock/owner", "$SET", "By anna@desk."),
    (edited("$SET", "m['database_bytes'] = 10 ** 15"), "20200101T000000Z", "too small for this"),
    (f"{edited('$SET', 'pass')}; echo >>database.dump", "20200101T000000Z", "bytes, not"),
]


@pytest.mark.parametrize("bad", [BAD[:3], pytest.param(BAD[3:], marks=pytest.mark.test_all)], ids=["three", "all"])
def test_what_cannot_or_should_not_be_restored_is_refused_before_anything_is_touched(
    given: Given, bad: list[tuple[str, str, str]]
) -> None:
    server, before = given.server, given.state()
    for prepare, what, why in bad:
        try:
            server.run(f"SET={given.name}; {prepare}")
            done = server.run(
                f"aipbx-agent --json restore {what.replace('$SET', given.name)} 2>&1", check=False, timeout=120
            )
        finally:
            server.run(f"rm -rf {INCOMING}/bad {BACKUPS}/sets/20200101T000000Z /app/aipbx/lock")
        assert (done.returncode, "Traceback" in done.stdout) == (2, False), f"{prepare}: {done.stdout}"
        assert why in done.stdout
    assert given.state() == before
    assert given.fingerprint() == given.whole


@pytest.mark.test_all
@pytest.mark.parametrize(
    ("moment", "after"),
    [
        ("pg_restore .*--jobs", False),
        ("story_written.*TO '/dev/null'", True),
        ("^run --rm", True),
        (" up ", True),
    ],
)
def test_a_restore_killed_at_any_step_leaves_all_as_it_was(given: Given, moment: str, after: bool) -> None:
    before = given.state()
    # A load that has just begun is killed in its middle.
    fault = faults.kill("restore") if after else f"( sleep 0.4; {faults.kill('restore')} ) >/dev/null 2>&1 &"
    faults.at(given.server, moment, fault, after=after)
    assert given.restore(given.name).returncode not in {0, 2}
    assert faults.happened(given.server)
    faults.ended(given.server, "restore")
    assert given.state() == before
    assert given.lost(LIVE) == set()


@pytest.mark.test_all
def test_a_disk_that_fills_up_stops_the_restore_before_it_is_full(given: Given) -> None:
    server, told = given.server, "/etc/aipbx/agent.json"
    # Its own small disk for a volume.
    server.run(f"mount -t tmpfs -o size=160m tmpfs {VOICES} && mkdir {VOICES}/_data && cp {told} /tmp/told")
    server.run(f'sed -i \'s/"min_free_disk_mib": [0-9]*/"min_free_disk_mib": 100/\' {told}')
    before = given.state()
    try:
        faults.at(server, "pg_restore .*--jobs", f"head -c 120M /dev/zero >{VOICES}/full; sleep 3")
        done = given.restore(given.name)
        assert done.returncode == 1, done.stdout
        assert "The disk was nearly full, so this was stopped." in done.stdout
        server.run(f"rm {VOICES}/full")
        assert given.state() == before
    finally:
        server.run(f"umount {VOICES}; cp /tmp/told {told}")
    assert given.lost(LIVE) == set()


@pytest.mark.test_all
def test_a_server_that_stops_in_the_middle_of_a_load(given: Given) -> None:
    before = given.state()
    faults.at(given.server, "pg_restore .*--jobs", "/usr/bin/docker stop aipbx-postgres-1")
    done = given.restore(given.name)
    assert done.returncode == 1, done.stdout
    given.server.run("docker start aipbx-postgres-1")
    given.server.run("timeout 60 sh -c 'until docker exec aipbx-postgres-1 pg_isready -q; do sleep 0.2; done'", 70)
    given.server.run("aipbx-agent cleanup")
    assert given.state() == before
    assert given.lost(LIVE) == set()
    healthy(given.server)


def test_a_set_becomes_live_within_seconds(given: Given, tmp_path: Path) -> None:
    server, inv = given.server, given.inv
    server.run(f"rm {STATIC}/_data/story/*; printf new >{STATIC}/_data/story/new")
    content.psql(server, f"INSERT INTO odd_tenants VALUES (3, 'since', 'then'); {NOT_OWN}")  # noqa: S608  our own words
    # From then on no network can be connected to a container that runs: the trial does without that.
    server.run("systemctl restart docker")
    faults.at(server, " up ", LOOK_AT_THE_THROWAWAY, after=True)
    run = inv("restore", given.name, f"--host={server.name}", "--yes").succeeded()
    kept = f"{LIVE}_before_{given.name}"
    mounts, database, *reached = faults.said(server).splitlines()
    assert mounts == "[] aipbx-readiness"
    assert database == f"{LIVE}_ready_{given.name}"
    assert [code == "0" for code in reached] == [True, False, False, False]
    assert "aipbx_readiness" not in server.run("docker inspect aipbx-postgres-1").stdout
    for secret in (FILLED["OPENAI_API_KEY"], FILLED["STRIPE_SECRET_KEY"]):
        assert secret not in faults.calls(server)

    assert given.fingerprint() == given.whole
    assert content.psql(server, ROLES).splitlines() == [
        "story Отчёт|f|t|3|{work_mem=7MB}|story_readers", "story_owner|f|t|-1||", "story_readers|f|t|-1||"
    ]  # fmt: skip
    assert "Role story Отчёт was not here" in run.output
    invoice = Web(server)("/static/story/%D1%81%D1%87%D1%91%D1%82%207.pdf")
    assert (invoice.status, invoice.body) == (200, "paid")
    assert Web(server)("/static/story/new").status == 404
    assert Web(server)("/api/prices/public").status == 200
    assert given.lost(LIVE, kept) == set()
    assert content.psql(server, "SELECT secret FROM odd_tenants WHERE id = 3", database=kept) == "then\n"
    assert "is live: " in run.output
    assert f"The previous data is retained: {kept}" in run.output
    assert kept in inv("backups", f"--host={server.name}").output
    again = inv("restore", given.name, f"--host={server.name}", "--yes")
    again.refused("still retains the data from before", "--discard")
    assert again.code == 2


# Every step of the hold, in its order; from the fourth on the swap is decided.
HOLD = (
    ("^stop ", False),
    ("RENAME TO", False),
    ("RENAME TO", True),
    ("ALLOW_CONNECTIONS true", False),
    ("ALLOW_CONNECTIONS true", True),
    ("^start [0-9a-f]{64}", False),
    ("^start [0-9a-f]{64}", True),
    ("RestartCount", True),
)
DECIDED = 3
RETAINED = f"sed -n 's/^  .database.: .\\(.*\\)..$/\\1/p' {BACKUPS}/kept.json"


def steps(shown: int) -> list[Any]:
    """Every step of the hold, and whether it is decided by then; all but one belong to `make test-all`."""
    return [
        pytest.param(moment, after, number >= DECIDED, marks=[] if number == shown else pytest.mark.test_all)
        for number, (moment, after) in enumerate(HOLD)
    ]


def swapped_or_not(given: Given, before: str, *, decided: bool) -> None:
    """Nothing changed, or all of it did; then it is taken back for the next story."""
    server = given.server
    retained = server.run(RETAINED).stdout.strip()
    assert given.lost(LIVE, retained) == set()
    assert retained == f"{LIVE}_{'after' if decided else 'before'}_{given.name}"
    if decided:
        assert given.fingerprint(retained) == given.whole
        done = server.run("aipbx-agent --detached undo 2>&1", check=False, timeout=180)
        assert done.returncode == 0, done.stdout
        assert given.lost(LIVE, f"{LIVE}_before_{given.name}") == set()
    else:
        assert given.state() == before
    assert given.fingerprint() == given.whole


@pytest.mark.parametrize(("moment", "after", "decided"), steps(2))
def test_a_swap_killed_at_any_step_is_taken_back_or_completed(
    given: Given, moment: str, after: bool, decided: bool
) -> None:
    before, server = given.state(), given.server
    faults.at(server, moment, faults.kill("undo"), after=after)
    assert server.run("aipbx-agent --detached undo", check=False, timeout=120).returncode not in {0, 2}
    assert faults.happened(server)
    faults.ended(server, "undo")
    swapped_or_not(given, before, decided=decided)


def in_the_hold(given: Given, moment: str, *, after: bool) -> None:
    """An undo has come to a step of its hold, and stays there."""
    server = given.server
    faults.at(server, moment, f"touch {faults.FOLDER}/now; sleep 60", after=after)
    server.run("systemd-run --quiet --unit=story-undo aipbx-agent --detached undo")
    there = f"[ -e {faults.FOLDER}/now ]"
    wait.until(lambda: server.run(there, check=False).returncode == 0, 60, moment, "journalctl -u story-undo")


def recovered(given: Given) -> None:
    """The host that went down is up again, has recovered by itself, and someone writes again."""
    server = given.server
    # Before that, a boot has not ended.
    ask = "systemctl is-active aipbx-recover"
    wait.until(lambda: server.run(ask, check=False).returncode == 0, 180, "it has recovered", "its journal")
    server.wait_ready()
    healthy(server)
    assert server.run("ls /app/aipbx/maintenance/on /app/aipbx/lock", check=False).stdout == ""
    rows.write(server)


@pytest.mark.parametrize(("moment", "after", "decided"), steps(3))
def test_a_power_cut_at_any_step_of_a_swap_loses_no_row(given: Given, moment: str, after: bool, decided: bool) -> None:
    before, server = given.state(), given.server
    # What a trial of an earlier program left: PostgreSQL on a network that is gone, so it does not start again.
    network = "aipbx-readiness"
    server.run(f"systemctl restart docker; docker network create --internal {network}")
    server.run(f"docker network connect {network} aipbx-postgres-1; docker network rm {network}", check=False)
    in_the_hold(given, moment, after=after)
    server.reboot(0)
    recovered(given)
    swapped_or_not(given, before, decided=decided)


# Holds the backend's ports from the boot on, as a container that is gone has done.
PORTS_TAKEN = """[Unit]
Before=docker.service
[Service]
ExecStart=/usr/bin/python3 -c "import socket, time; \\
    held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]; \\
    [one.bind(('', port)) for one, port in zip(held, (3032, 3034))]; time.sleep(3600)"
[Install]
WantedBy=multi-user.target
"""


@pytest.mark.test_all
def test_recovery_at_boot_tries_again_until_it_can(given: Given) -> None:
    before, server = given.state(), given.server
    unit = "/etc/systemd/system/story-ports.service"
    server.run(f"cat >{unit} && systemctl enable --quiet story-ports", stdin=PORTS_TAKEN.encode())
    try:
        in_the_hold(given, "RENAME TO", after=True)
        server.reboot(0)
        failed = f"grep -qs '\"ok\": false' {BACKUPS}/recover-state.json"
        wait.until(lambda: server.run(failed, check=False).returncode == 0, 180, "it has failed", "its journal")
        assert server.run("ls /app/aipbx/maintenance/on", check=False).returncode == 0
        assert "does not start" in server.run(f"cat {BACKUPS}/recover-state.json").stdout
    finally:
        server.run(f"systemctl disable --now --quiet story-ports; rm {unit}", check=False)
    recovered(given)
    swapped_or_not(given, before, decided=False)


@pytest.mark.test_all
def test_an_unfinished_swap_is_ended_before_its_lock_is_broken(given: Given) -> None:
    before, server = given.state(), given.server
    # No one cleans up: neither the unit that was killed, nor its next run.
    faults.at(server, "RENAME TO", "kill -9 $CALLER", after=True)
    server.run("aipbx-agent undo", check=False, timeout=60)
    assert server.run(f"[ -e {BACKUPS}/swap.json ] && [ -e /app/aipbx/maintenance/on ]").returncode == 0
    run = given.inv("unlock", f"--host={server.name}", "--yes").succeeded()
    assert "the host's own process, has ended" in run.output
    assert "It left an unfinished undo of the restore" in run.output
    swapped_or_not(given, before, decided=False)


@pytest.mark.test_all
def test_a_server_that_stops_in_a_swap_is_started_and_all_is_as_it_was(given: Given) -> None:
    before, server = given.state(), given.server
    shown = f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve {server.name}:443:127.0.0.1 https://{server.name}/"
    faults.at(server, "RENAME TO", f"{shown}; /usr/bin/docker stop aipbx-postgres-1")
    run = given.inv("restore", "--undo", f"--host={server.name}", "--yes")
    run.refused("failed; the previous data is live again")
    assert run.code == 1
    assert "503" in faults.said(server), "who comes meanwhile sees the maintenance page"
    assert given.state() == before
    assert given.fingerprint() == given.whole


def test_undo_brings_back_what_was_live_and_discard_ends_it(given: Given) -> None:
    server, inv = given.server, given.inv
    run = inv("restore", "--undo", f"--host={server.name}", "--yes").succeeded()
    assert f"undo of the restore of {given.name}: done" in run.output
    assert content.psql(server, "SELECT secret FROM odd_tenants WHERE id = 3") == "then\n"
    assert Web(server)("/static/story/new").body == "new"
    after = f"{LIVE}_after_{given.name}"
    assert given.fingerprint(after) == given.whole
    assert given.lost(LIVE, after) == set()
    said = inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()
    assert "live until" in said.output
    assert "_data." not in server.run(f"ls {STATIC} {BACKUPS}/kept.json 2>&1", check=False).stdout
    assert content.psql(server, "SELECT datname FROM pg_database WHERE datname LIKE 'aipbx%'") == f"{LIVE}\n"
    inv("restore", "--undo", f"--host={server.name}", "--yes").refused("nothing to undo")


def brought(server: Host, command: str, path: Path) -> Path:
    """What a command prints on a host, in a file here."""
    path.write_bytes(base64.b64decode(server.run(f"{{ {command}; }} | base64").stdout))
    return path


@pytest.mark.test_all
def test_an_old_file_comes_into_a_database_to_look_into_though_the_line_breaks(given: Given, tmp_path: Path) -> None:
    server, inv = given.server, given.inv
    dump = f"docker exec aipbx-postgres-1 pg_dump -U aipbx_admin -d {LIVE} --format=custom | gzip"
    old = brought(server, dump, tmp_path / "aipbx_20261123_030000.sql.gz")
    # The operator's machine goes away in the middle.
    faults.at(server, "pg_restore .*--jobs", "touch /run/faults/loading; sleep 2")
    run = inv.started("restore", str(old), f"--host={server.name}", "--to-database=look_here", "--yes")
    loads = "[ -e /run/faults/loading ]"
    wait.until(lambda: server.run(loads, check=False).returncode == 0, 60, "it loads", "inv restore")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=10)
    faults.ended(server, "restore")
    assert given.fingerprint("look_here") == given.fingerprint()
    assert server.run(f"ls -A {INCOMING}").stdout == ""
    count = inv("db", "-c", "select count(*) from odd_tenants", "--database=look_here", f"--host={server.name}")
    assert "\n3\n" in count.succeeded().output.replace(" ", "")


@pytest.mark.test_all
def test_a_few_tables_and_a_set_of_another_host_come_to_be_looked_into(given: Given, tmp_path: Path) -> None:
    server, inv = given.server, given.inv
    done = given.restore(given.name, "--tables=odd_tenants,public.odd_calls_else")
    assert done.returncode == 0, done.stdout
    look = f"{LIVE}_look_{given.name}"
    assert content.psql(server, "SELECT secret FROM odd_tenants ORDER BY id", database=look) == "of a\nof b\n"
    assert content.psql(server, "SELECT count(*) FROM odd_documents", database=look) == "0\n"
    assert "holds no table nobody" in given.restore(given.name, "--tables=nobody", "--to-database=x").stdout
    assert "There is a database" in given.restore(given.name, "--tables=odd_tenants").stdout

    folder = f"{BACKUPS}/sets/20200101T000000Z"
    server.run(edited(given.name, "m['host'] = 'aipbx.net'"))
    theirs = brought(
        server, f"cd {folder}; tar -cf - manifest.json $(ls | grep -v json); rm -r {folder}", tmp_path / "theirs.tar"
    )
    inv("restore", str(theirs), "--yes").refused("aipbx.net")
    said = inv("restore", str(theirs), f"--host={server.name}", "--to-database=theirs", "--yes").succeeded()
    assert "IT WAS TAKEN ON aipbx.net" in said.output
    assert content.psql(server, "SELECT count(*) FROM odd_tenants", database="theirs") == "2\n"

    inv("restore", "--discard", "--to-database=theirs", f"--host={server.name}", "--yes").succeeded()
    inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()
    assert content.psql(server, "SELECT datname FROM pg_database WHERE datname LIKE 'aipbx%'") == f"{LIVE}\n"


def verified(server: Host, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.run(f"cat {BACKUPS}/sets/{name}/verified.json").stdout)
    return found


def test_a_set_is_verified_in_a_scratch_server(given: Given) -> None:
    server, inv = given.server, given.inv
    limits = "docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.NetworkMode}}'"
    faults.at(server, "pg_restore .*--jobs", f"{limits} aipbx-verification")
    run = inv("verify", f"--host={server.name}").succeeded()
    assert faults.said(server) == f"{768 << 20} 1000000000 none\n"
    assert f"{given.name} can be restored" in run.output
    found = verified(server, given.name)
    assert found["ok"]
    assert found["rto_seconds"] > 0
    assert "aipbx_verify_last_run_ok 1" in server.run("cat /var/lib/prometheus/node-exporter/aipbx_verify.prom").stdout
    assert server.run("docker ps -aq --filter name=aipbx-verification").stdout == ""


@pytest.mark.test_all
def test_a_set_that_cannot_be_restored_is_loud(given: Given) -> None:
    server, inv = given.server, given.inv
    manifest = f"{BACKUPS}/sets/{given.name}/manifest.json"
    server.run(f"cp {manifest} /tmp/manifest")
    server.run(f'sed -i \'s/"public.odd_tenants": 2/"public.odd_tenants": 3/\' {manifest}')
    try:
        done = server.run("systemctl start aipbx-verify.service", check=False, timeout=120)
    finally:
        server.run(f"cp /tmp/manifest {manifest}")
    assert done.returncode != 0
    assert "odd_tenants has 2 rows instead of 3" in verified(server, given.name)["error"]
    assert "CANNOT BE RESTORED" in server.run("journalctl -u aipbx-verify.service -o cat -n 20").stdout
    assert "failed: " in inv("backups", f"--host={server.name}").output
