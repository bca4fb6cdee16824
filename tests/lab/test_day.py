"""Story: an operator's day: dry runs, a service by hand, a restore that is left, found again and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from tests.lab import faults, newer_images
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import read_until
from tests.lab.web import Web

FIRST_STEP = "every byte of the set is as it was written"
LEDGER = "cat /app/aipbx/releases.jsonl"
DATABASES = "docker exec aipbx-postgres-1 psql -U aipbx_admin -d postgres -AtXc 'SELECT datname, oid FROM pg_database'"


@pytest.mark.test_all
def test_a_dry_run_changes_nothing_whatever_else_is_typed(deployed: Inv, server: Host) -> None:
    before = server.run(LEDGER).stdout
    for words in (["deploy", server.name], ["maintenance", "on", server.name], ["restart", "backend", server.name]):
        run = deployed(*words, "--dry", "--yes").succeeded()
        assert "Dry run: it would ask now: " in run.output
        assert "Nothing was changed." in run.output
    assert server.run(LEDGER).stdout == before
    assert Web(server)("/").status == 200


def test_a_service_is_stopped_and_started_and_everyone_is_notified(deployed: Inv, server: Host) -> None:
    shown = deployed("stop", "frontend", server.name, "--yes").succeeded().output
    assert "INTERRUPTS: pages are not served until inv start (frontend)." in shown
    status = deployed("status", server.name)
    assert (status.code, "is not well: services: frontend is exited" in status.output) == (1, True), status.output
    doctor = deployed("doctor", server.name)
    assert (doctor.code, "✗ services: frontend is exited" in doctor.output) == (1, True), doctor.output
    deployed("start", server.name, "--yes").succeeded()
    assert Web(server)("/").status == 200
    started = server.run("docker inspect -f '{{.State.StartedAt}}' aipbx-nginx-1").stdout
    deployed("restart", "nginx", server.name, "--yes").succeeded()
    assert server.run("docker inspect -f '{{.State.StartedAt}}' aipbx-nginx-1").stdout != started
    assert Web(server)("/").status == 200


def test_a_newer_image_is_reported_once_taken_and_taken_back_where_it_is_not_well(
    deployed: Inv, server: Host, lab: Running
) -> None:
    nginx, web = "library/nginx:1.30-alpine", Web(server)
    with newer_images.kept(lab.world, nginx):
        at_first = running_image(deployed, server, "newest")
        newer = newer_images.publish(lab.world, nginx, Labels={"built": "again"})
        assert running_image(deployed, server, f"newer: {newer[:19]}") == at_first
        assert "No one is notified" in server.run("/usr/local/sbin/aipbx-agent images --notify").stdout
        shown = deployed("images", server.name, "--update=nginx", "--yes").succeeded().output
        assert "INTERRUPTS: nothing is served while it starts (nginx)." in shown
        assert running_image(deployed, server, "newest") != at_first
        newer_images.publish(lab.world, nginx, Entrypoint=["/bin/false"])
        deployed("images", server.name, "--update=nginx", "--yes").refused(
            "nginx is not well with the newer nginx:1.30-alpine; it runs with the one before."
        )
        assert web("/").status == 200
        assert server.run("ls /app/aipbx/lock", check=False).returncode != 0
        deployed("images", server.name, "--update=backend", "--yes").refused("backend is the application's.")
    deployed("images", server.name, "--update=nginx", "--yes").succeeded()
    assert running_image(deployed, server, "newest") == at_first


def running_image(operator: Inv, server: Host, verdict: str) -> str:
    """The id of the image that nginx runs, of which `inv images` says this."""
    shown = operator("images", server.name).succeeded().output
    line = next(line for line in shown.splitlines() if line.split()[:1] == ["nginx"])
    assert verdict in line, line
    return server.run("docker inspect -f '{{.Image}}' aipbx-nginx-1").stdout.strip()


@pytest.mark.test_all
def test_compose_works_in_the_folder_as_anyone_would_type_it(deployed: Inv, server: Host) -> None:
    stray = server.run("cat /app/aipbx/.env").stdout
    server.run("rm /app/aipbx/.env")
    deployed("deploy", server.name, "--yes").succeeded()
    shown = server.run("cd /app/aipbx && env -i HOME=/root PATH=$PATH docker compose ps --format '{{.Service}}'").stdout
    assert {"postgres", "nginx"} <= set(shown.split())
    server.run("rm /app/aipbx/.env; cat >/app/aipbx/.env", stdin=stray.encode())


@pytest.fixture
def databases(deployed: Inv, server: Host) -> str:
    """Those that there are before."""
    return server.run(DATABASES).stdout


@pytest.fixture
def restoring(deployed: Inv, server: Host, databases: str) -> Iterator[subprocess.Popen[str]]:
    """A restore that is at its load until someone stops it, and whose live data are untouched yet."""
    made = deployed("backup", server.name).succeeded().output.partition("set ")[2].partition(",")[0]
    with faults.possible(server):
        faults.at(server, "pg_restore .*--jobs", "sleep 600")
        run = deployed.started("restore", made, f"--host={server.name}", "--yes")
        active = "systemctl is-active aipbx-agent-restore"
        wait.until(lambda: "active" in server.run(active, check=False).stdout.split(), 60, "the restore runs", active)
        yield run
        run.kill()
        if "active" in server.run(active, check=False).stdout.split():
            deployed("cancel", server.name, "--yes")  # a story that failed: those after it need the host


def test_a_restore_that_is_left_is_found_again_and_stopped(
    deployed: Inv, server: Host, databases: str, restoring: subprocess.Popen[str]
) -> None:
    read_until(restoring, FIRST_STEP)
    os.killpg(restoring.pid, signal.SIGINT)
    said, _ = restoring.communicate(timeout=60)
    assert restoring.returncode == 130
    assert f"restore continues on the host. inv attach --host={server.name} shows it" in said
    watching = deployed.started("attach", server.name)
    read_until(watching, FIRST_STEP)  # it shows the run from its beginning
    stopped = deployed("cancel", server.name, "--yes").succeeded().output
    assert "restore was stopped; what it had begun is taken back" in stopped
    shown, _ = watching.communicate(timeout=60)
    assert watching.returncode == 1
    assert "The run was stopped." in shown
    assert server.run(DATABASES).stdout == databases
    deployed("attach", server.name).refused(f"Nothing runs on {server.name} now.")
    acts = [(one["verb"], one["result"]) for one in deployed.json("audit", server.name, "--json")[server.name]]
    assert acts[-2:] == [("restore", "interrupted"), ("cancel", "ok")]
