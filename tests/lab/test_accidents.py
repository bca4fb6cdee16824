"""Story: a part of the host that is killed or a disk that fills in a deploy. One release serves, and no row is lost."""

from __future__ import annotations

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import faults
from tests.lab.application import BACKEND
from tests.lab.intact import at_last, deploy, other, serves, well
from tests.lab.inv_run import Inv

NGINX = "kill -9 $(/usr/bin/docker inspect -f '{{.State.Pid}}' aipbx-nginx-1)"
POSTGRES = NGINX.replace("nginx", "postgres")
CONTAINERD = "systemctl kill --signal=KILL --kill-whom=main containerd"
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
    before, new = serves(server), other(server)
    faults.at(server, moment, do, after=after)
    run = writing(*deploy(server, new))
    assert faults.happened(server), run.output
    assert "Traceback" not in run.output
    well(server)
    assert serves(server) == (new if run.code == 0 else before)
    if run.code != 0:
        at_last(writing, server, new)


@pytest.mark.test_all
def test_what_died_with_all_of_containerd_runs_again_by_itself(writing: Inv, server: Host) -> None:
    server.run("systemctl kill --signal=KILL containerd")
    notices = "journalctl --unit aipbx-recover --since -5min --output cat | grep -c 'was down: started'"
    wait.until(lambda: server.run(notices, check=False).stdout.strip() not in {"", "0"}, 240, "recovered", "journalctl")
    well(server)


# Nothing can be made in a folder any more, as on a full disk; what is in it stays as it is.
FULL = """mkdir /run/full && mount -t tmpfs -o mode=711,nr_inodes=$(find {0} | wc -l) tmpfs /run/full
cp -a {0}/. /run/full/ && mount --move /run/full {0} && rmdir /run/full"""
# By what there is no room for: the folder, from when on, the exit code, and what the operator reads.
DISKS = {
    "an image": ("/var/lib/docker/tmp", ".", 2, "inv prune --host="),
    "what images ship": ("/var/lib/docker/containers", ".", 1, "docker failed with exit code 125"),
    "a container": ("/var/lib/docker/containers", " up .*backend", 1, "back to backend"),
    "nginx's next backend": ("/app/aipbx/nginx/active", " up .*backend", 1, "back to backend"),
}


@pytest.mark.test_all
@pytest.mark.parametrize("lacks", DISKS)
def test_a_disk_that_fills_in_a_deploy(writing: Inv, server: Host, lacks: str) -> None:
    folder, moment, code, said = DISKS[lacks]
    before, new = serves(server), BACKEND["first"] if lacks == "an image" else other(server)
    server.run(f"docker image rm ghcr.io/krasterisk/aipbx_backend:{BACKEND['first']}", check=False)
    faults.at(server, moment, FULL.format(folder))
    try:
        run = writing(*deploy(server, new)).refused(said)
    finally:
        server.run(f"umount {folder}")
    assert run.code == code
    assert "no space left on device" in run.output.lower()
    well(server)
    assert serves(server) == before
    at_last(writing, server, new)


# PostgreSQL on a network that is gone, as a trial of an earlier program left it: it runs, and would not start again.
STRAY = (
    "systemctl restart docker; docker network create --internal aipbx-stray; "
    "docker network connect aipbx-stray aipbx-postgres-1; docker network rm --force aipbx-stray"
)
STOP = "docker stop aipbx-postgres-1"


@pytest.mark.test_all
@pytest.mark.parametrize(
    ("accident", "said"),
    [
        (STOP, ["has a database that is down. Recovery runs first."]),
        (f"{STRAY}; {STOP}", ["has a database that is down. Recovery runs first.", "postgres does not start"]),
        (STRAY, ["PostgreSQL is recreated: it is connected to a network that no longer exists"]),
    ],
    ids=["down", "down and cannot start", "would not start again"],
)
def test_a_deploy_brings_back_a_database(writing: Inv, server: Host, accident: str, said: list[str]) -> None:
    words = deploy(server, other(server))
    server.run(accident, check=False)
    run = writing(*words).succeeded()
    for text in said:
        assert text in run.output
    server.run("docker restart aipbx-postgres-1")
    well(server)
