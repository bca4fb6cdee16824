"""Story: anyone who changes a deployed host goes away in the middle: a line breaks, a machine dies, a run is killed."""

from __future__ import annotations

import os
import signal

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import faults
from tests.lab.intact import at_last, deploy, other, serves, well
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import kill, read_until


@pytest.mark.test_all
@pytest.mark.parametrize("moment", ["nginx healthy", " started", " ready", "requests go to it"])
def test_a_network_that_is_cut_in_a_deploy(writing: Inv, server: Host, moment: str) -> None:
    before, new = serves(server), other(server)
    run = writing.started(*deploy(server, new))
    read_until(run, f"{moment} (")
    server.cut_network()
    try:
        said = run.communicate(timeout=300)[0]
    finally:
        server.restore_network()
    assert (run.returncode, "Traceback" in said) == (1, False), said
    # The host notices by itself that no one is there any more.
    gone = "! systemctl is-active --quiet aipbx-agent-switch"
    wait.until(lambda: server.run(gone, check=False).returncode == 0, 180, "the switch has ended", "its journal")
    if moment == "nginx healthy":
        unlock = "unlock", f"--host={server.name}", "--yes"
        wait.until(lambda: writing(*unlock).code == 0, 180, "the lock can be broken", "inv unlock")
    well(server)
    assert serves(server) in {before, new}
    if serves(server) == before:
        at_last(writing, server, new)


@pytest.mark.test_all
@pytest.mark.parametrize(
    "moment", ["Firewall: apply UFW rules", "Docker: write daemon.json", "Application: write compose.yml"]
)
def test_a_converge_that_is_killed_costs_a_deployed_host_nothing(writing: Inv, server: Host, moment: str) -> None:
    # What it finds changed, it changes back.
    server.run("echo '# by hand' >>/app/aipbx/compose.yml; rm /etc/docker/daemon.json")
    run = writing.bootstrap.started("-y")
    read_until(run, f"| {moment}")
    kill(run)
    well(server)
    writing.bootstrap("-y").succeeded()
    assert writing.bootstrap.dry().changes == []
    well(server)


def test_an_operator_s_machine_that_dies_before_the_switch_leaves_no_staged_images(writing: Inv, server: Host) -> None:
    faults.hold(server, " up .*nginx", after=True)
    run = writing.started(*deploy(server, other(server)))
    faults.reached(server)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=30)
    faults.continues(server)
    faults.ended(server, "prepare")
    assert server.run("ls /app/aipbx/images.env.staged", check=False).returncode == 0
    writing("deploy", f"--host={server.name}", "--yes").refused("Its run is over", "inv unlock")
    writing("unlock", f"--host={server.name}", "--yes").succeeded()
    well(server)
