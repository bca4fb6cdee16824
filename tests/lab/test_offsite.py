"""Story: a copy of every set leaves its host, encrypted; no one there can read, change or delete it; all proved."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.inventory import stores
from lab.machines.host import Host
from lab.running import Running
from lab.world.object_storage import ACCESS_KEY, ENDPOINT, REGION, SECRET_KEY, bucket
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import Bootstrap

ORIGIN, SIBLING = "aipbx.net", "aipbx.org"
SETS = "/app/aipbx/backups/sets"
KEPT = f"/app/aipbx/offsite/{ORIGIN}"
ACCOUNT = stores.account(ORIGIN)
S3 = {"kind": "s3", "endpoint": ENDPOINT, "region": REGION, "bucket": bucket(SIBLING)}
NOW = time.time()
IDENTITY = (
    "-F none -i /etc/aipbx/offsite/id_ed25519 -o IdentitiesOnly=yes -o BatchMode=yes "
    "-o UserKnownHostsFile=/etc/aipbx/offsite/known_hosts"
)
WEBHOOK = "https://hooks.slack.com/services/T0/B0/offsite"
EMPTY = (
    f"RCLONE_CONFIG=/dev/null RCLONE_CONFIG_S3_TYPE=s3 RCLONE_CONFIG_S3_PROVIDER=Other RCLONE_CONFIG_S3_REGION={REGION}"
    f" RCLONE_CONFIG_S3_ENDPOINT={ENDPOINT} RCLONE_CONFIG_S3_ACCESS_KEY_ID={ACCESS_KEY} "
    f"RCLONE_CONFIG_S3_SECRET_ACCESS_KEY={SECRET_KEY} rclone delete s3:{bucket(SIBLING)}"
)
# A set as `backup` makes it: what it holds does not matter to its copies.
MAKE = """
import os, sys
from pathlib import Path
from aipbx_agent.backup import sets
from aipbx_agent.core.files import sha256
from aipbx_agent.databases.contents import Contents
name, mib = sys.argv[1], int(sys.argv[2])
aside = Path(sys.argv[3]) / f"{sets.ASIDE}{name}"
aside.mkdir(mode=0o700)
with (aside / "database.dump").open("wb") as dump:
    for _ in range(mib):
        dump.write(os.urandom(1 << 20))
files = {file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)} for file in aside.iterdir()}
taken = sets.moment_of(name).isoformat()
host, rows = os.uname().nodename, Contents({"public.t": 1})
manifest = sets.Manifest(host, name, taken, 1.0, "postgres", "16.1", "d", "r", 1, {}, rows, {}, files)
sets.complete(aside, manifest)
"""
# the WAL and a base backup as `wal` and `base` keep them, sent as they send them.
LOG = """
from datetime import datetime, timedelta, timezone
from aipbx_agent.core import config, files
from aipbx_agent.pitr import archive, base_backup, segments, ship
told, moment = config.load(stack=False), datetime(2026, 11, 23, tzinfo=timezone.utc)
closed = [segments.Segment(7, 1, number, moment + timedelta(minutes=number)) for number in range(3)]
for one in closed:
    (archive.wal(told) / f"{one.name}{archive.PACKED}").write_bytes(b"log")
made = segments.Base(segments.Segment(7, 1, 0, moment + timedelta(seconds=9)), 0, 4)
(archive.base(told) / f"{made.name}{archive.TAR}").write_bytes(b"base")
files.write_json(archive.base(told) / f"{made.name}{archive.LABEL}", {"last": 0, "bytes": 4})
for _ in range(2):
    ship.Shipping().send(told)
    base_backup.ship(told)
"""
# Ends a program as a line that dies does, once it has sent some megabytes.
KILL = """
aipbx-agent offsite >/tmp/story.log 2>&1 & run=$!
for try in $(seq 2000); do
  pid=$(pgrep -n -f '{program}' || true)
  [ -n "$pid" ] && [ "$(sed -n 's/^wchar: //p' /proc/$pid/io)" -gt 4000000 ] && break
done
kill -9 {victim}; wait $run; code=$?; cat /tmp/story.log; exit $code
"""


def converge(bootstrap: Bootstrap) -> None:
    """The concerns that this story changes, on the two hosts that it needs."""
    concerns = bootstrap.only("ssh", "agent", "backups", "offsite")
    concerns("-y", "--limit", ORIGIN, "--limit", SIBLING).succeeded()


@pytest.fixture(scope="module")
def origin(converged: Running) -> Host:
    return converged.host(ORIGIN)


@pytest.fixture(scope="module")
def sibling(converged: Running) -> Host:
    return converged.host(SIBLING)


@pytest.fixture(scope="module")
def inv(
    converged: Running, bootstrap: Bootstrap, origin: Host, sibling: Host, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Inv]:
    """An operator with a key, whose hosts know where their copies go."""
    folder = tmp_path_factory.mktemp("offsite")
    clear(origin, sibling)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIPBX_AGE_IDENTITY", str(folder / "age.key"))
        made = Inv(converged.lab.directory / "ssh_config", folder / "tree", {ORIGIN: {}, SIBLING: {}})
        said = made("offsite.key").succeeded().output
        (public,) = re.findall(r'"(age1\w+)"', said)
        made.set(ORIGIN, offsite={"kind": "sftp", "host": SIBLING}, backup_recipients=[public])
        made.set(SIBLING, offsite=S3, backup_recipients=[public])
        # Stories that are refused on purpose must not ban anyone.
        networks = (converged.subnet.ipv4, converged.subnet.ipv6)
        sibling.run("; ".join(f"fail2ban-client set sshd addignoreip {network}" for network in networks))
        converge(made.bootstrap)
        sibling.run(EMPTY)
        yield made
        sibling.run(EMPTY)
        sibling.run("; ".join(f"fail2ban-client set sshd delignoreip {network}" for network in networks))
    clear(origin, sibling)
    converge(bootstrap)


def clear(*hosts: Host) -> None:
    """Leave nothing of a story's on these hosts."""
    for host in hosts:
        host.run(f"rm -rf {SETS}/* /app/aipbx/backups/*.json /app/aipbx/environment.json /app/aipbx/host.json")
        host.run("rm -rf /app/aipbx/backups/wal/* /app/aipbx/backups/base/*")
        host.run("cd /etc/aipbx/offsite 2>/dev/null && rm -rf id_ed25519 known_hosts authorized/* || true")
        host.run("rm -rf /app/aipbx/offsite/*")


def day(ago: int) -> str:
    """A day in UTC as sets are named; the same through all of the story."""
    return time.strftime("%Y%m%d", time.gmtime(NOW - 86400 * ago))


def make(host: Host, name: str, mib: int = 1) -> str:
    host.run(f"PYTHONPATH=/usr/local/lib/aipbx/agent python3 - {name} {mib} {SETS}", stdin=MAKE.encode())
    return name


def at(number: int) -> str:
    """The name of a story's set: the first of the day before yesterday, the others of yesterday."""
    return f"{day(2 if number == 1 else 1)}T{number:02}0000Z"


def copied(host: Host) -> list[str]:
    listed = json.loads(host.run("aipbx-agent offsite-list").stdout)
    return [copy["name"] for copy in listed["sets"] if copy["whole"]]


def failed(host: Host, command: str) -> str:
    done = host.run(f"{command} 2>&1", timeout=120, check=False)
    assert done.returncode != 0, done.stdout
    return done.stdout


def as_intruder(origin: Host, commands: str) -> str:
    """What someone who is root on the origin gets out of the sibling."""
    return origin.run(f"sftp -b - {IDENTITY} {ACCOUNT}@{SIBLING} 2>&1", stdin=commands.encode(), check=False).stdout


def test_before_they_know_each_other_nothing_goes_and_that_is_told(inv: Inv, origin: Host) -> None:
    make(origin, at(1))
    assert "inv offsite.init" in failed(origin, "aipbx-agent offsite")
    assert json.loads(origin.run("cat /app/aipbx/backups/offsite-state.json").stdout)["ok"] is False
    assert (
        "aipbx_offsite_last_run_ok 0" in origin.run("cat /var/lib/prometheus/node-exporter/aipbx_offsite.prom").stdout
    )


def test_init_makes_them_known_and_says_what_it_tried(inv: Inv, origin: Host) -> None:
    for _ in range(2):
        said = inv("offsite.init", f"--host={ORIGIN}").succeeded().output
        assert f"sftp://{SIBLING} takes copies, gives them back; deleting one is refused" in said
    assert origin.run("stat -c '%a %U' /etc/aipbx/offsite/id_ed25519").stdout == "600 root\n"


def test_every_set_gets_a_copy_that_an_operator_can_prove_and_its_host_cannot_read(inv: Inv, origin: Host) -> None:
    make(origin, at(2))
    origin.run("systemctl start aipbx-offsite.service")
    assert copied(origin) == [at(1), at(2)]
    record = json.loads(origin.run(f"cat {SETS}/{at(2)}/offsite.json").stdout)
    assert record["where"] == f"sftp://{SIBLING}"
    said = inv("offsite.check", f"--host={ORIGIN}").succeeded().output
    assert f"{at(2)} came from off-site, was opened here" in said
    keys = "-i /etc/aipbx/offsite/id_ed25519"
    said = failed(origin, f"aipbx-agent offsite-send sets/{at(2)}.tar.age | age --decrypt {keys} -o /dev/null")
    assert "no identity matched" in said


def test_an_intruder_on_the_host_changes_nothing_that_was_copied(inv: Inv, origin: Host, sibling: Host) -> None:
    sibling.run("aipbx-agent peers")
    before = sibling.run(f"cd {KEPT}/sets && sha256sum 2*").stdout
    name, other = f"sets/{at(1)}.tar.age", f"sets/{at(2)}.tar.age"
    origin.run("echo evil >/tmp/evil")
    tries = (
        f"rm {name}", f"put /tmp/evil {name}", f"reput /tmp/evil {name}", f"rename {name} {other}",
        f"rename {name} sets/away", f"rename {name} sets/.part-x", "rename sets away", f"chmod 777 {name}",
        f"chown 0 {name}", "rmdir sets", "mkdir sets/new", f"ln {name} sets/hard", "symlink /etc/shadow sets/soft",
        "get ../../../etc/passwd /tmp/passwd", "get /app/aipbx/data-state.json /tmp/passwd", "put /tmp/evil evil",
    )  # fmt: skip
    said = as_intruder(origin, "".join(f"-{one}\n" for one in tries))
    assert said.count("sftp> -") == len(tries)
    assert sibling.run(f"cd {KEPT}/sets && sha256sum 2*").stdout == before
    assert sibling.run(f"cd {KEPT} && ls && ls -A sets | grep -v ^2 | grep -v part-probe || true").stdout.split() == [
        "base", "sets", "wal",
    ]  # fmt: skip
    origin.run("! test -e /tmp/passwd")
    ssh = f"ssh {IDENTITY} -l {ACCOUNT}"
    assert "sftp connections only" in failed(origin, f"{ssh} {SIBLING} id")
    assert "administratively prohibited" in failed(origin, f"{ssh} -W 127.0.0.1:22 {SIBLING} </dev/null")
    assert "Permission denied" in failed(origin, f"{ssh.replace(ACCOUNT, 'deploy')} {SIBLING} id")


def test_the_log_of_the_database_goes_the_same_way(inv: Inv, origin: Host, sibling: Host) -> None:
    origin.run("PYTHONPATH=/usr/local/lib/aipbx/agent python3 -", stdin=LOG.encode())
    ask = f"aipbx-agent --json offsite-point @2026-11-23T00:01:30Z --of {ORIGIN}"
    assert json.loads(sibling.run(ask).stdout.splitlines()[-1])["result"]["base"] == "2026-11-23T00:00:09Z"
    sent = sibling.run(f"{ask} --send | tar -t").stdout.split()
    assert [name.partition(".")[2] for name in sent] == ["json", "tar.zst.age", *["wal.zst.age"] * 3]
    later = sibling.run(f"{ask.replace('00:01:30', '00:03:00')} 2>&1", check=False)
    assert (later.returncode, "cannot be restored" in later.stdout) == (2, True)
    sibling.run("aipbx-agent peers")
    said = as_intruder(origin, f"-rm wal/{sent[-1]}\n-rm base/{sent[0]}\n")
    assert said.count("sftp> -") == 2
    assert sibling.run(f"ls {KEPT}/wal {KEPT}/base").stdout.count(".age") == 4


@pytest.mark.test_all
def test_the_sibling_deletes_what_is_old_and_what_was_never_finished(inv: Inv, origin: Host, sibling: Host) -> None:
    old = [f"{day(40)}T{hour:02}0000Z" for hour in (1, 3)]
    for name in old:
        sibling.run(
            f"cd {KEPT}/sets && for end in tar.age json; do cp -a {at(1)}.$end {name}.$end; done; "
            f"touch -d '-40 days' {name}.*"
        )
    alone = f"{KEPT}/sets/{at(3)}.tar.age"
    as_intruder(origin, f"put /tmp/evil sets/{at(3)}.tar.age\n")
    sibling.run(f"touch -d '-3 days' {alone} {KEPT}/sets/.part-probe.*; aipbx-agent peers")
    left = sibling.run(f"ls -A {KEPT}/sets").stdout.split()
    assert left == [f"{name}.{end}" for name in (old[1], at(1), at(2)) for end in ("json", "tar.age")]


@pytest.mark.test_all
def test_a_line_that_dies_in_an_upload_leaves_nothing_that_looks_whole(inv: Inv, origin: Host, sibling: Host) -> None:
    name = make(origin, at(4), mib=100)
    said = failed(origin, KILL.format(program="^ssh -F none", victim="$pid"))
    assert "ended before the copy was there" in said
    assert name not in copied(origin)
    assert sibling.run(f"ls {KEPT}/sets/{name}* 2>/dev/null || true").stdout == ""
    failed(origin, KILL.format(program="^ssh -F none", victim="$run"))
    assert name not in copied(origin)
    origin.run(f"! test -e {SETS}/{name}/offsite.json && aipbx-agent offsite", timeout=120)
    assert name in copied(origin)


@pytest.mark.test_all
def test_an_unknown_host_key_is_a_stop(inv: Inv, origin: Host) -> None:
    origin.run("sed -i 's/AAAAC3Nza.*/AAAAC3NzaC1lZDI1NTE5AAAAIN1234567890123456789012345678901234567890123/' "
               "/etc/aipbx/offsite/known_hosts")  # fmt: skip
    make(origin, at(5))
    assert "does not show the host key" in failed(origin, "aipbx-agent offsite")
    inv("offsite.init", f"--host={ORIGIN}").succeeded()
    origin.run("aipbx-agent offsite")
    assert at(5) in copied(origin)


def flip_a_bit(host: Host, path: str, offset: int) -> None:
    """Change one byte for certain: a fixed one would be there already once in 256 runs."""
    program = (
        f"f = open({path!r}, 'r+b'); f.seek({offset}); byte = f.read(1)[0]; "
        f"f.seek({offset}); f.write(bytes([byte ^ 1]))"
    )
    host.run(f"python3 -c {shlex.quote(program)}")


@pytest.mark.test_all
def test_a_copy_that_was_tampered_with_is_noticed(inv: Inv, sibling: Host, tmp_path: Path) -> None:
    path = f"{KEPT}/sets/{at(5)}.tar.age"
    flip_a_bit(sibling, path, 500000)
    inv("offsite.check", f"--host={ORIGIN}").refused("is damaged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "other.key"))
        inv("offsite.key").succeeded()
        inv("offsite.check", f"--host={ORIGIN}", f"--name={at(4)}").refused("cannot be opened here")
    sibling.run(f"truncate -s -1 {path}")
    inv("offsite.check", f"--host={ORIGIN}", f"--name={at(5)}").refused("is incomplete")


def test_a_dead_origin_s_copies_are_proved_from_the_sibling(inv: Inv, origin: Host) -> None:
    origin.run("systemctl stop ssh.socket ssh.service")
    try:
        inv("offsite.check", f"--host={ORIGIN}", f"--name={at(2)}").succeeded()
    finally:
        origin.run("systemctl start ssh.service")


def env(inv: Inv, **values: str) -> None:
    path = inv.ssh_config.parent / "env" / f"{SIBLING}.env"
    lines = [line for line in path.read_text().splitlines() if line.partition("=")[0] not in values]
    path.write_text("\n".join([*lines, *(f"{name}='{value}'" for name, value in values.items())]) + "\n")
    inv("env.push", f"--host={SIBLING}", "--yes").succeeded()


def test_object_storage_takes_copies_once_its_keys_are_right(inv: Inv, converged: Running, sibling: Host) -> None:
    inv("offsite.init", f"--host={SIBLING}").refused("no OFFSITE_S3_ACCESS_KEY_ID")
    inv.configured(SIBLING)
    env(
        inv,
        OFFSITE_S3_ACCESS_KEY_ID=ACCESS_KEY,
        OFFSITE_S3_SECRET_ACCESS_KEY=SECRET_KEY[::-1],
        ALERT_SLACK_WEBHOOK=WEBHOOK,
    )
    make(sibling, at(1))
    before = len(converged.world.notifications())
    for _ in range(2):
        assert "SignatureDoesNotMatch" in failed(sibling, "aipbx-agent offsite")
    told = [one.body for one in converged.world.notifications()[before:] if one.path.endswith("offsite")]
    assert len(told) == 1
    assert "no off-site copy" in told[0]
    env(inv, OFFSITE_S3_SECRET_ACCESS_KEY=SECRET_KEY)
    said = inv("offsite.init", f"--host={SIBLING}").succeeded().output
    assert "hidden" in said
    sibling.run("systemctl start aipbx-offsite.service")
    assert copied(sibling) == [at(1)]
    inv("offsite.check", f"--host={SIBLING}").succeeded()
    sibling.run("! ps axeww | grep -v grep | grep -F only+opens")


@pytest.mark.test_all
def test_a_run_that_is_killed_leaves_no_copy_in_a_bucket(inv: Inv, sibling: Host) -> None:
    name = make(sibling, at(2), mib=100)
    failed(sibling, KILL.format(program="^rclone .* rcat", victim="$run"))
    assert name not in copied(sibling)
    sibling.run("aipbx-agent offsite", timeout=120)
    assert copied(sibling) == [at(1), at(2)]


@pytest.mark.test_all
def test_old_copies_leave_the_bucket_by_rule(inv: Inv, sibling: Host) -> None:
    sibling.run("sed -i 's/\"days\": 14/\"days\": 1/; s/\"weeks\": 8/\"weeks\": 0/; s/\"months\": 12/\"months\": 0/' "
                "/etc/aipbx/agent.json && aipbx-agent offsite")  # fmt: skip
    assert copied(sibling) == [at(2)]


def test_somebody_is_told_when_there_is_no_verified_copy_for_too_long(
    inv: Inv, converged: Running, sibling: Host
) -> None:
    name = make(sibling, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    sibling.run("aipbx-agent offsite")
    before = len(converged.world.notifications())
    sibling.run("aipbx-agent watch")
    old = '{"began": "2026-01-01T00:00:00+00:00", "bad": [], "told_at": null}'
    sibling.run(f"echo '{old}' >/app/aipbx/backups/watch.json; aipbx-agent watch; aipbx-agent watch")
    sibling.run(f'echo \'{{"ok": true, "at": "2026"}}\' >{SETS}/{name}/verified.json; aipbx-agent watch')
    told = [one.body for one in converged.world.notifications()[before:] if one.path.endswith("offsite")]
    assert len(told) == 2
    assert "verified backup with a checked copy" in told[0]
    assert "recent enough again" in told[1]
