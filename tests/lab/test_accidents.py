"""Story: accidents in the middle of a deploy, and two runs at once. One release serves, and no row is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from lab import wait
from lab.host import Host
from tests.lab import content, faults, rows
from tests.lab.application import BACKEND
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import kill
from tests.lab.web import Web

HEAD, OLDER = BACKEND["fourth"], BACKEND["third"]
LIVE = "aipbx_production"
SETTLED = (
    '[ -z "$(docker ps --quiet --filter health=starting --filter health=unhealthy)" ] && '
    '[ "$(docker ps --quiet --filter health=healthy | wc -l)" = 4 ]'
)
# Where Docker unpacks what it pulls: a disk of its own, which is full at once.
FULL = "mount -t tmpfs -o size=16k tmpfs /var/lib/docker/tmp"
NGINX = "kill -9 $(/usr/bin/docker inspect -f '{{.State.Pid}}' aipbx-nginx-1)"
POSTGRES = NGINX.replace("nginx", "postgres")


CONTAINERD = "systemctl kill --signal=KILL --kill-whom=main containerd"


@pytest.fixture(scope="module")
def writing(deployed: Inv, server: Host) -> Iterator[Inv]:
    """The operator, while somebody writes to the database."""
    with rows.written(server), faults.possible(server):
        yield deployed


def well(server: Host) -> None:
    """Everything runs, one release serves, nothing is left, and no acknowledged row is missing."""
    wait.until(lambda: server.run(SETTLED, check=False).returncode == 0, 120, "all is healthy", "docker ps there")
    assert rows.lost(server, LIVE) == set()
    left = "cd /app/aipbx && ls -d lock switch.json images.env.switch images.env.staged maintenance/on 2>/dev/null"
    assert server.run(left, check=False).stdout == ""
    assert Web(server)("/api/prices/public").status == 200
    names = "SELECT datname FROM pg_database WHERE datname LIKE 'aipbx%'"
    assert content.psql(server, names) == f"{LIVE}\n"


def serves(server: Host) -> str:
    """The backend's commit."""
    return str(Web(server)("/api/version").json["sha"])


def at_last(inv: Inv, server: Host, sha: str) -> None:
    """The next deploy works, whatever the one before met."""
    inv("deploy", f"--host={server.name}", f"--sha={sha}", "--service=backend", "--yes").succeeded()
    well(server)
    assert serves(server) == sha


ACCIDENTS = {
    "containerd, before the start": (" up .*backend", False, CONTAINERD),
    "containerd, after the start": (" up .*backend", True, CONTAINERD),
    "dockerd, before the start": (" up .*backend", False, "systemctl kill --signal=KILL docker"),
    "dockerd, after the start": (" up .*backend", True, "systemctl kill --signal=KILL docker"),
    "dockerd, at the end": ("^stop ", False, "systemctl kill --signal=KILL docker"),
    "nginx, before the start": (" up .*backend", False, NGINX),
    "nginx, after the start": (" up .*backend", True, NGINX),
    "nginx, at the end": ("^stop ", False, NGINX),
    "PostgreSQL, before the start": (" up .*backend", False, POSTGRES),
    "PostgreSQL, after the start": (" up .*backend", True, POSTGRES),
    "PostgreSQL, at the end": ("^stop ", False, POSTGRES),
}
SHOWN = "containerd, after the start"


@pytest.mark.parametrize(
    "accident", [pytest.param(name, marks=[] if name == SHOWN else pytest.mark.test_all) for name in ACCIDENTS]
)
def test_a_part_that_is_killed_in_a_deploy(writing: Inv, server: Host, accident: str) -> None:
    moment, after, do = ACCIDENTS[accident]
    before = serves(server)
    other = OLDER if before == HEAD else HEAD
    faults.at(server, moment, do, after=after)
    run = writing("deploy", f"--host={server.name}", f"--sha={other}", "--service=backend", "--yes")
    assert faults.happened(server), run.output
    assert "Traceback" not in run.output
    well(server)
    assert serves(server) == (other if run.code == 0 else before)
    if run.code != 0:
        at_last(writing, server, other)


@pytest.mark.test_all
def test_a_disk_that_fills_in_a_deploy(writing: Inv, server: Host) -> None:
    before = serves(server)
    gone = f"docker image rm ghcr.io/krasterisk/aipbx_backend:{BACKEND['first']}"
    server.run(f"{gone} 2>/dev/null; {FULL}", check=False)
    try:
        run = writing("deploy", f"--host={server.name}", f"--sha={BACKEND['first']}", "--service=backend", "--yes")
    finally:
        server.run("umount /var/lib/docker/tmp")
    run.refused("no space left on device")
    well(server)
    assert serves(server) == before


@pytest.mark.test_all
@pytest.mark.parametrize("moment", ["nginx healthy", " started", " ready", "requests go to it"])
def test_a_network_that_is_cut_in_a_deploy(writing: Inv, server: Host, moment: str) -> None:
    before = serves(server)
    other = OLDER if before == HEAD else HEAD
    run = writing.started("deploy", f"--host={server.name}", f"--sha={other}", "--service=backend", "--yes")
    assert run.stdout
    for line in run.stdout:
        if f"{moment} (" in line:
            break
    server.cut_network()
    try:
        said = run.communicate(timeout=300)[0]
    finally:
        server.restore_network()
    assert (run.returncode, "Traceback" in said) == (1, False), said
    ended = "! systemctl is-active --quiet aipbx-data-switch"
    wait.until(lambda: server.run(ended, check=False).returncode == 0, 180, "the switch has ended", "its journal")
    if server.run("[ -e /app/aipbx/lock ]", check=False).returncode == 0:
        writing("unlock", f"--host={server.name}", "--force", "--yes").succeeded()
    well(server)
    assert serves(server) in {before, other}
    if serves(server) == before:
        at_last(writing, server, other)


@pytest.mark.test_all
@pytest.mark.parametrize("moment", ["Firewall as declared", "Docker: daemon.json", "The stack: compose.yml"])
def test_a_converge_that_is_killed_costs_a_deployed_host_nothing(writing: Inv, server: Host, moment: str) -> None:
    # What it finds changed, it changes back.
    server.run("echo '# by hand' >>/app/aipbx/compose.yml; rm /etc/docker/daemon.json")
    run = writing.bootstrap.started("-y")
    assert run.stdout
    for line in run.stdout:
        if f"| {moment}" in line:
            break
    kill(run)
    well(server)
    writing.bootstrap("-y").succeeded()
    assert writing.bootstrap.dry().changes == []
    well(server)


def test_what_died_with_all_of_containerd_runs_again_by_itself(writing: Inv, server: Host) -> None:
    server.run("systemctl kill --signal=KILL containerd")
    notices = "journalctl --unit aipbx-recover --since -5min --output cat | grep -c 'was down: started'"
    wait.until(lambda: server.run(notices, check=False).stdout.strip() not in {"", "0"}, 240, "recovered", "journalctl")
    well(server)


@pytest.mark.test_all
def test_a_deploy_brings_back_a_database_that_cannot_start(writing: Inv, server: Host) -> None:
    # As a trial of an earlier program left it.
    server.run("systemctl restart docker; docker network create --internal aipbx-readiness")
    stray = "docker network connect aipbx-readiness aipbx-postgres-1; docker network rm aipbx-readiness"
    server.run(f"{stray}; docker stop aipbx-postgres-1", check=False)
    run = writing(*deploy(server)).succeeded()
    assert "has a database that is down. Recovery runs first." in run.output
    assert "postgres does not start" in run.output
    well(server)


@pytest.mark.test_all
def test_a_deploy_recreates_a_database_that_would_not_start_again(writing: Inv, server: Host) -> None:
    server.run("systemctl restart docker; docker network create --internal aipbx-readiness")
    stray = "docker network connect aipbx-readiness aipbx-postgres-1; docker network rm aipbx-readiness"
    server.run(stray, check=False)
    run = writing(*deploy(server)).succeeded()
    assert "PostgreSQL is recreated: it is connected to a network that is gone" in run.output
    server.run("docker restart aipbx-postgres-1")
    well(server)


def deploy(server: Host) -> list[str]:
    """The words of a deploy of the commit that does not serve."""
    return ["deploy", f"--host={server.name}", f"--sha={OLDER if serves(server) == HEAD else HEAD}", "--yes"]


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    """How a run ended, and what it said."""
    said = run.communicate(timeout=400)[0]
    return run.returncode, said


@pytest.mark.parametrize(
    "both",
    [
        pytest.param("backup and rollback", marks=pytest.mark.test_all),
        pytest.param("deploy and restore"),
        pytest.param("restore and deploy", marks=pytest.mark.test_all),
        pytest.param("bootstrap and deploy", marks=pytest.mark.test_all),
        pytest.param("backup and restore", marks=pytest.mark.test_all),
        pytest.param("deploy and rotation", marks=pytest.mark.test_all),
    ],
)
def test_two_runs_at_once(writing: Inv, server: Host, both: str) -> None:
    writing("backup", f"--host={server.name}").succeeded()
    newest = server.run("ls /app/aipbx/backups/sets | tail -n 1").stdout.strip()
    words = {
        "backup": ["backup", f"--host={server.name}"],
        "rollback": ["rollback", f"--host={server.name}", "--yes"],
        "deploy": deploy(server),
        "restore": ["restore", newest, f"--host={server.name}", "--yes"],
        "rotation": ["db.rotate-password", f"--host={server.name}", "--yes"],
    }
    first, second = both.split(" and ")
    runs = [writing.bootstrap.started("-y") if first == "bootstrap" else writing.started(*words[first])]
    runs.append(writing.started(*words[second]))
    told = [ended(run) for run in runs]
    assert 0 in [code for code, _ in told], told
    # The other one worked too, or was refused before it had touched anything.
    assert all(code in {0, 2} and "Traceback" not in said for code, said in told), told
    retained = server.run("ls /app/aipbx/backups/kept.json", check=False).returncode == 0
    assert rows.lost(server, LIVE, *([f"{LIVE}_before_{newest}"] if retained else [])) == set()
    if retained:
        writing("restore", "--undo", f"--host={server.name}", "--yes").succeeded()
        assert rows.lost(server, LIVE, f"{LIVE}_after_{newest}") == set()
        writing("restore", "--discard", f"--host={server.name}", "--yes").succeeded()
        rows.forget(server)
    well(server)


@pytest.mark.test_all
def test_an_operator_s_machine_that_dies_in_a_deploy_leaves_no_staged_images(writing: Inv, server: Host) -> None:
    run = writing.started(*deploy(server))
    assert run.stdout
    for line in run.stdout:
        if "database healthy (" in line:
            break
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=30)
    staged = "/app/aipbx/images.env.staged"
    assert server.run(f"ls {staged}", check=False).returncode == 0
    gone = writing("deploy", f"--host={server.name}", "--yes")
    gone.refused("Its run is over", "inv unlock")
    writing("unlock", f"--host={server.name}", "--yes").succeeded()
    assert server.run(f"ls {staged} /run/aipbx-data-*", check=False).stdout == ""
    well(server)
