"""Story: a part of the host that is killed in the middle of a deploy. One release serves, and no row is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import wait
from lab.host import Host
from tests.lab import content, faults, rows
from tests.lab.application import BACKEND
from tests.lab.inv_run import Inv
from tests.lab.web import Web

HEAD, OLDER = BACKEND["fourth"], BACKEND["third"]
LIVE = "aipbx_production"
SETTLED = (
    '[ -z "$(docker ps --quiet --filter health=starting --filter health=unhealthy)" ] && '
    '[ "$(docker ps --quiet --filter health=healthy | wc -l)" = 4 ]'
)
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
    # What is killed is started again by systemd: until then nobody can look, and Docker resolves no name.
    there = "docker exec aipbx-postgres-1 true"
    wait.until(lambda: server.run(there, check=False).returncode == 0, 60, "one can look", "docker ps there")
    prices = "/api/prices/public"
    wait.until(lambda: Web(server)(prices).status == 200, 30, "the site answers", "inv logs nginx")
    assert rows.lost(server, LIVE) == set()
    left = "cd /app/aipbx && ls -d lock switch.json images.env.switch images.env.staged maintenance/on 2>/dev/null"
    assert server.run(left, check=False).stdout == ""
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
def test_what_died_with_all_of_containerd_runs_again_by_itself(writing: Inv, server: Host) -> None:
    server.run("systemctl kill --signal=KILL containerd")
    notices = "journalctl --unit aipbx-recover --since -5min --output cat | grep -c 'was down: started'"
    wait.until(lambda: server.run(notices, check=False).stdout.strip() not in {"", "0"}, 240, "recovered", "journalctl")
    well(server)
