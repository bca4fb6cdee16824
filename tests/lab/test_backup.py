"""Story: a set every night and on demand, whole or not at all; a failure is loud; a set comes here and is verified."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet.transfer import archive
from lab import wait
from lab.machines.host import Host
from lab.running import Running
from lab.world.notifications import Notification
from tests.lab import colours, content, writer
from tests.lab.inv_run import BACKUP_TIME, Inv
from tests.lab.web import Web

HOOK = "https://hooks.slack.com/services/T0/B0/hunter2"
BOT, CHAT = "123456:hunter2-hunter2-hunter2-hunter2", "-100200300"
BACKUPS = "/app/aipbx/backups"
# But for the WAL and its base backups, which come all the while.
EVERYTHING = f"find {BACKUPS} ! -path '*/wal*' ! -path '*/base*' ! -path '*/spool*' | sort"
FIGURES = "/var/lib/prometheus/node-exporter/aipbx_backup.prom"
OURS = "FROM pg_stat_activity WHERE application_name = 'aipbx-agent' AND pid <> pg_backend_pid()"
# What a deploy asks for beside the state (fleet/state/survey.py).
ASKED = '{"settings": {"application_timers": {}}, "drain_seconds": 0}'
HOLDS_UP = "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)"


def listed(inv: Inv, server: Host) -> dict[str, Any]:
    """What `inv backups` tells of the server."""
    found: dict[str, Any] = inv.json("backups", f"--host={server.name}", "--json")[server.name]
    return found


def names(server: Host) -> list[str]:
    return server.run(f"ls {BACKUPS}/sets").stdout.split()


def figures(server: Host) -> dict[str, float]:
    lines = [line.split() for line in server.run(f"cat {FIGURES}").stdout.splitlines() if not line.startswith("#")]
    return {name.removeprefix("aipbx_backup_"): float(value) for name, value in lines}


def left(server: Host) -> str:
    """Folders, links and sessions that a run leaves when no one cleans up after it."""
    folders = f"{BACKUPS}/sets {BACKUPS}/incoming /var/lib/docker/volumes/*/"
    hidden = server.run(f"ls -A {folders} | grep '^\\.'", check=False).stdout
    return hidden + content.psql(server, f"SELECT pid, query {OURS}")


def nothing_left(server: Host) -> None:
    """Assert it. What watches over the WAL asks the server now and then: that session is over in a moment."""
    wait.until(lambda: left(server) == "", 10, "nothing is left", "look at the backups and at pg_stat_activity")


def manifest(server: Host, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.run(f"cat {BACKUPS}/sets/{name}/manifest.json").stdout)
    return found


@contextmanager
def told(lab: Running) -> Iterator[list[Notification]]:
    """What is posted to the operators within this block."""
    before = len(lab.world.notifications())
    came: list[Notification] = []
    yield came
    came += lab.world.notifications()[before:]


@pytest.fixture(scope="module")
def operator(deployed: Inv, server: Host) -> Inv:
    """The operator, once the server knows whom to tell of failures; no set is there yet."""
    server.run(f"rm -rf {BACKUPS}/sets/*")
    path = deployed.ssh_config.parent / "env" / f"{server.name}.env"
    lines = {"ALERT_SLACK_WEBHOOK": HOOK, "ALERT_TELEGRAM_BOT_TOKEN": BOT, "ALERT_TELEGRAM_CHAT": CHAT}
    with path.open("a") as file:
        file.writelines(f"{name}='{value}'\n" for name, value in lines.items())
    run = deployed("env.push", f"--host={server.name}", "--yes").succeeded()
    assert "ALERT_SLACK_WEBHOOK  •••• (added)  [host]" in run.output
    assert "hunter2" not in run.output
    assert "inv deploy" not in run.output
    assert server.run(
        "stat -c %a /app/aipbx/host.json; grep -c ALERT /app/aipbx/environment.json", check=False
    ).stdout == ("600\n0\n")
    return deployed


def test_the_nightly_unit_and_inv_backup_make_equal_sets(operator: Inv, server: Host) -> None:
    content.load(server)
    written = Web(server)("/api/files", "--json", '{"name": "org-documents/счёт 7.pdf", "text": "paid"}')
    assert written.status == 201
    server.run("systemctl start aipbx-backup.service", timeout=60)
    run = operator("backup", f"--host={server.name}").succeeded()
    nightly, by_hand = names(server)
    assert f"set {by_hand}, " in run.output

    first, second = manifest(server, nightly), manifest(server, by_hand)
    for set_ in (first, second):
        assert sorted(set_["files"]) == [
            "database.dump", "volume-backend_static.tar.zst", "volume-backend_tts_voices.tar.zst"
        ]  # fmt: skip
    same = ("contents", "volumes", "release", "host", "database", "role", "server_version", "engine")
    assert [first[name] for name in same] == [second[name] for name in same]
    assert first["contents"]["tables"]["public.users"] >= 1
    assert first["contents"]["large_objects"] > 0
    assert server.run(
        f"tar -xOf {BACKUPS}/sets/{by_hand}/volume-backend_static.tar.zst './org-documents/счёт 7.pdf'"
    ).stdout == "paid"  # fmt: skip
    assert server.run(f"stat -c %a {BACKUPS} {BACKUPS}/sets/{by_hand}/*").stdout.split() == ["700"] + ["600"] * 4
    nothing_left(server)

    assert listed(operator, server)["last"]["ok"] is True
    assert [one["name"] for one in listed(operator, server)["sets"]] == [nightly, by_hand]
    measured = figures(server)
    assert (measured["last_run_ok"], measured["sets"], measured["verified_timestamp_seconds"]) == (1, 2, 0)
    row = operator.json("status", f"--host={server.name}", "--json")[server.name]
    assert row["backup_hours"] < 1
    assert (row["backup_failed"], row["verified_hours"]) == (False, None)
    assert f" {BACKUP_TIME}:00 UTC" in server.run("systemctl show -P NextElapseUSecRealtime aipbx-backup.timer").stdout


@pytest.mark.test_all
def test_what_the_application_writes_meanwhile_is_there_for_every_row_that_names_it(
    operator: Inv, server: Host
) -> None:
    volume = server.run("docker volume inspect -f '{{.Mountpoint}}' aipbx_backend_static").stdout.strip()
    content.psql(server, "CREATE TABLE of_files (name text)")
    script = (Path(__file__).parent / "writer.py").read_text()
    server.run(f"rm -f {writer.STOP}; mkdir {volume}/story; cat >/tmp/writer.py", stdin=script.encode())
    server.run(f"python3 /tmp/writer.py {volume}/story >/tmp/written 2>&1 &")
    try:
        for _ in range(2):
            operator("backup", f"--host={server.name}").succeeded()
    finally:
        server.run(f"touch {writer.STOP}; timeout 20 sh -c 'until [ -s /tmp/written ]; do sleep 0.1; done'", timeout=30)
    assert int(server.run("cat /tmp/written").stdout) > 100, "nobody wrote"
    for name in names(server)[-2:]:
        path = f"{BACKUPS}/sets/{name}"
        restore = "docker exec -i aipbx-postgres-1 pg_restore --data-only --table=of_files --file=-"
        rows = set(server.run(f"{restore} <{path}/database.dump | grep -E '^[0-9]+$'").stdout.split())
        files = set(
            server.run(f"tar -tf {path}/volume-backend_static.tar.zst | sed -n 's|^./story/||p'").stdout.split()
        )
        assert len(rows) > 10
        assert rows <= files
        assert manifest(server, name)["contents"]["tables"]["public.of_files"] == len(rows)
    content.psql(server, "DROP TABLE of_files")
    server.run(f"rm -r {volume}/story")


# What someone may set for the application's sessions, or for those of everyone else.
STRICT = {
    "statement_timeout": "1ms", "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "1ms",
    "default_transaction_read_only": "on", "search_path": "nowhere", "client_encoding": "LATIN1", "DateStyle": "German",
}  # fmt: skip


@pytest.mark.test_all
def test_settings_for_the_application_s_sessions_end_no_backup(operator: Inv, server: Host) -> None:
    database, role = content.psql(server, "SELECT current_database(); SELECT current_user").split()
    each = [f"ALTER DATABASE {database} SET {name} = '{value}';" for name, value in STRICT.items()]
    each += [f"ALTER ROLE {role} SET {name} = '{value}';" for name, value in STRICT.items()]
    content.psql(server, f"BEGIN; {' '.join(each)} COMMIT")
    try:
        run = operator("backup", f"--host={server.name}")
    finally:
        free = "PGOPTIONS=-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off"
        back = f"ALTER DATABASE {database} RESET ALL; ALTER ROLE {role} RESET ALL"
        words = ["docker", "exec", "--env", free, "aipbx-postgres-1", "psql", "-U", role, "-d", "postgres", "-c", back]
        server.run(shlex.join(words))
    run.succeeded()
    assert manifest(server, names(server)[-1])["contents"]["properties"]["settings of every role"].startswith("DateSt")


def test_a_disk_too_small_is_refused_before_anything_is_written(operator: Inv, server: Host, lab: Running) -> None:
    before = server.run(EVERYTHING).stdout
    told_of = "/etc/aipbx/agent.json"
    server.run(f"cp -p {told_of} /tmp/told")
    server.run(f'sed -i \'s/"min_free_disk_mib": [0-9]*/"min_free_disk_mib": 99999999/\' {told_of}')
    try:
        with told(lab) as came:
            run = operator("backup", f"--host={server.name}").refused(
                "There is no room for a backup", "99999999 MiB stay so"
            )
    finally:
        server.run(f"mv /tmp/told {told_of}")
    assert run.code == 2
    assert came == [], "the operator sees it himself"
    assert server.run(EVERYTHING).stdout == before
    assert figures(server)["last_run_ok"] == 1


@pytest.mark.parametrize(("step", "kib"), [("dump", 100), pytest.param("packing", 3000, marks=pytest.mark.test_all)])
def test_a_disk_that_fills_up_meanwhile_leaves_nothing(operator: Inv, server: Host, step: str, kib: int) -> None:
    volume = server.run("docker volume inspect -f '{{.Mountpoint}}' aipbx_backend_static").stdout.strip()
    server.run(f"head -c 8M /dev/urandom >{volume}/large" if step == "packing" else "true")
    server.run(f"mount -t tmpfs -o mode=700,size={kib}k tmpfs {BACKUPS}/sets")
    try:
        run = operator("backup", f"--host={server.name}").refused("There is no new backup set")
        assert run.code == 1
        assert "no space left on device" in run.output.lower()
        assert names(server) == []
        nothing_left(server)
    finally:
        server.run(f"umount {BACKUPS}/sets; rm -f {volume}/large")
    assert len(names(server)) >= 2


@pytest.mark.parametrize(
    ("unit", "step"),
    [
        pytest.param("aipbx-backup", "dump", marks=pytest.mark.test_all),
        ("aipbx-backup", "packing"),
        pytest.param("aipbx-agent-backup", "dump", marks=pytest.mark.test_all),
    ],
)
def test_a_killed_run_leaves_nothing_and_is_reported(
    operator: Inv, server: Host, lab: Running, unit: str, step: str
) -> None:
    before = names(server)
    volume = server.run("docker volume inspect -f '{{.Mountpoint}}' aipbx_backend_static").stdout.strip()
    # A large file holds the packing up; a table that someone changes, the dump.
    if step == "packing":
        server.run(f"head -c 150M /dev/urandom >{volume}/large")
    else:
        psql = "docker exec aipbx-postgres-1 psql -U aipbx_admin -d aipbx_production -c"
        server.run(f"{psql} {shlex.quote(HOLDS_UP)} >/dev/null 2>&1 &")
    with told(lab) as came:
        run = operator.started("backup", f"--host={server.name}") if unit == "aipbx-agent-backup" else None
        if not run:
            server.run(f"systemctl start --no-block {unit}")
        kill = f"systemctl kill -s KILL {unit}"
        if step == "packing":
            # In one go: it does not take long.
            server.run(f"timeout 30 sh -c 'until pgrep -x tar >/dev/null; do sleep 0.01; done'; {kill}", timeout=40)
        else:
            waits = f"SELECT 1 {OURS} AND query LIKE 'LOCK TABLE%'"
            wait.until(lambda: content.psql(server, waits) != "", 30, "the dump waits", f"journalctl -u {unit}")
            server.run(kill)
        ended = f"systemctl is-active {unit}"
        wait.until(lambda: server.run(ended, check=False).stdout.strip() in ("failed", "inactive"), 30, unit, ended)
        if run:
            assert run.wait(timeout=30) == 1
            assert run.stdout
            assert "The backup was stopped from outside." in run.stdout.read()
    server.run(f"rm -f {volume}/large")
    content.psql(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE%'")
    assert names(server) == before
    nothing_left(server)
    assert figures(server)["last_run_ok"] == 0
    assert [one.receiver for one in came] == ["hooks.slack.com", "api.telegram.org"]
    assert "signal (killed KILL)" in came[0].body
    assert json.loads(came[1].body)["text"].startswith(f"{server.name}: backup failed\n")
    assert operator.json("status", f"--host={server.name}", "--json")[server.name]["backup_failed"]


@pytest.mark.test_all
def test_a_server_that_is_down_is_reported_and_no_receiver_too(operator: Inv, server: Host, lab: Running) -> None:
    before = names(server)
    server.run("docker stop aipbx-postgres-1", timeout=60)
    try:
        with told(lab) as came, lab.world.failing("hooks.slack.com"):
            done = server.run("systemctl start aipbx-backup.service", check=False, timeout=60)
    finally:
        server.run("docker start aipbx-postgres-1")
        healthy = "until [ $(docker inspect -f '{{.State.Health.Status}}' %s) = healthy ]; do sleep 0.5; done"
        both = "; ".join(healthy % name for name in ("aipbx-postgres-1", colours.container(server, "backend")))
        server.run(f"timeout 90 sh -c {shlex.quote(both)}", timeout=100)
    assert done.returncode != 0
    assert [one.status for one in came] == [500, 200]
    assert "postgres does not run" in came[1].body
    journal = server.run("journalctl -u aipbx-backup.service -o cat -n 8").stdout
    assert "Slack was not notified: it answered 500" in journal
    assert "Telegram was notified." in journal
    assert "hunter2" not in journal
    assert names(server) == before
    run = operator("backups", f"--host={server.name}").succeeded()
    assert "failed. postgres does not run" in run.output


def test_a_set_comes_here_and_is_verified(operator: Inv, server: Host, tmp_path: Path) -> None:
    operator("backup", f"--host={server.name}").succeeded()
    *_, older, newest = names(server)
    run = operator("backup", "--download", f"--host={server.name}", f"--to={tmp_path}").succeeded()
    path = tmp_path / f"{server.name}-{newest}.tar"
    assert str(path) in run.output
    assert path.stat().st_mode & 0o777 == 0o600
    assert archive.check(path)["contents"] == manifest(server, newest)["contents"]

    operator("backup", f"--download={older}", f"--host={server.name}", f"--to={tmp_path}").succeeded()
    operator("backup", "--download=20200101T000000Z", f"--host={server.name}").refused("has no backup set", newest)
    dump = f"{BACKUPS}/sets/{newest}/database.dump"
    server.run(f"cp {dump} /tmp/dump && printf x | dd of={dump} bs=1 seek=1000 conv=notrunc status=none")
    damaged = tmp_path / "damaged"
    run = operator("backup", "--download", f"--host={server.name}", f"--to={damaged}")
    run.refused("did not arrive completely", "database.dump is not what the host wrote")
    assert list(damaged.iterdir()) == []
    server.run(f"cat /tmp/dump >{dump}")


@pytest.mark.test_all
def test_ctrl_c_leaves_nothing_half_here(operator: Inv, server: Host, tmp_path: Path) -> None:
    dump = f"{BACKUPS}/sets/{names(server)[-1]}/database.dump"
    # So large that it is on its way whenever someone thinks better of it; a hole takes no room.
    server.run(f"cp {dump} /tmp/dump && truncate -s 50G {dump}")
    try:
        run = operator.started("backup", "--download", f"--host={server.name}", f"--to={tmp_path}")
        there = "on its way", "inv backup --download"
        wait.until(lambda: any(path.stat().st_size > 1 << 20 for path in tmp_path.iterdir()), 30, *there)
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait(timeout=30) == 130
        assert list(tmp_path.iterdir()) == []
    finally:
        server.run(f"cat /tmp/dump >{dump}")


@pytest.mark.test_all
def test_a_pbx_that_moves_to_where_the_firewall_lets_nothing_in_is_reported(
    operator: Inv, server: Host, lab: Running
) -> None:
    watch = "systemctl start aipbx-watch.service"
    row = (
        'INSERT INTO "PbxServers" (name, location, sip_host, "uniqueId", ari_url, ari_user, password, "createdAt", '
        '"updatedAt") VALUES '
        "('moving', 'lab', 'pbx', 'moving', 'http://pbx.example:8088/ari', 'u', 'p', now(), now())"
    )
    server.run("cp /etc/hosts /etc/hosts.story; echo 198.51.100.201 pbx.example >>/etc/hosts")
    content.psql(server, row)
    try:
        with operator.changed(server.name, pbx_addresses=["198.51.100.201"]):
            operator.bootstrap("-y").succeeded()
            server.run(watch)
            server.run("sed -i 's/^198.51.100.201/198.51.100.202/' /etc/hosts")
            with told(lab) as came:
                server.run(watch)
                server.run(watch)
            moved = [one for one in came if "moving (pbx.example:8088) is at 198.51.100.202 now" in one.body]
            assert {one.receiver for one in moved} == {"hooks.slack.com", "api.telegram.org"}
            assert len(moved) == 2, "once"
        with operator.changed(server.name, pbx_addresses=["198.51.100.202"]):
            operator.bootstrap("-y").succeeded()
            assert "198.51.100.202" in server.run("iptables-save; nft list ruleset 2>/dev/null || true").stdout
            assert 'shut_out": {}' in server.run(f"echo '{ASKED}' | aipbx-agent state --release").stdout
    finally:
        server.run("cat /etc/hosts.story >/etc/hosts; rm /etc/hosts.story")
        content.psql(server, "DELETE FROM \"PbxServers\" WHERE name = 'moving'")
        operator.bootstrap("-y").succeeded()
