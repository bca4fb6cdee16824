"""Story: releases change places while people call and browse, some of them broken, some of them killed halfway."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet.env import dotenv_file
from lab import wait
from lab.host import Host
from lab.running import Running
from lab.world import pbx_stand_in, visitors
from tests.lab import colours
from tests.lab.application import BACKEND
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import Run
from tests.lab.web import Web

HEAD, OLDER = BACKEND["fourth"], BACKEND["third"]
PORT, USER, PASSWORD = 8088, "fleet", "s3cret-of-the-story"

# As much as a busy machine bears without losing packets by itself.
CALLS, CALL_SECONDS, VISITS_A_SECOND, SOCKETS = 2, 6, 20, 5
KEPT = "cd /app/aipbx && cat images.env && ls nginx/active && docker ps --format '{{.Names}}' | sort"


@dataclass(frozen=True)
class Pbx:
    """The stand-in for Asterisk, on the machine outside."""

    lab: Running

    def ask(self, path: str, method: str = "GET") -> Any:
        """What it answers."""
        words = ["curl", "-sS", "-u", f"{USER}:{PASSWORD}", "-X", method, f"http://127.0.0.1:{PORT}{path}"]
        told = self.lab.client.run(shlex.join(words)).stdout
        return json.loads(told) if told else None

    def calls(self) -> list[dict[str, Any]]:
        """All calls so far."""
        found: list[dict[str, Any]] = self.ask("/stand-in/calls")
        return found

    def keep(self, calls: int, seconds: float = CALL_SECONDS) -> None:
        """So many at a time, new ones as old ones end."""
        self.ask(f"/stand-in/keep?calls={calls}&seconds={seconds}", "POST")
        if calls:
            wait.until(lambda: len(self.ask("/ari/channels")) == calls, 20, "they call", "look at the stand-in")


@pytest.fixture(scope="module")
def pbx(deployed: Inv, server: Host, lab: Running) -> Iterator[Pbx]:
    """The PBX, known to the server and to its backend."""
    client = lab.client
    client.run("cat >/root/pbx.py", stdin=Path(pbx_stand_in.__file__).read_bytes())
    client.run("[ ! -e /root/pbx.pid ] || kill $(cat /root/pbx.pid)", check=False)  # a run that was cut off left it
    client.run(f"setsid python3 /root/pbx.py {PORT} {USER} {PASSWORD} >/root/pbx.log 2>&1 & echo $! >/root/pbx.pid")
    at = f"{client.address4}:{PORT}/ari"
    given = {
        "ARI_URL": f"http://{at}",
        "ARI_USER": USER,
        "ARI_PASSWORD": PASSWORD,
        "AIPBX_BOTNAME": "aipbx",
        "LAB_PBX_URL": f"http://{USER}:{PASSWORD}@{at}",
    }
    path = deployed.ssh_config.parent / "env" / f"{server.name}.env"
    before = path.read_text()
    path.write_text(before + "".join(f"{dotenv_file.assignment(name, value)}\n" for name, value in given.items()))
    try:
        deployed("env.push", f"--host={server.name}", "--yes").succeeded()
        run = deployed("deploy", f"--host={server.name}", "--yes").succeeded()
        assert "new calls go to it" in run.output
        yield Pbx(lab)
    finally:
        path.write_text(before)
        deployed("env.push", f"--host={server.name}", "--yes").succeeded()
        deployed("deploy", f"--host={server.name}", "--yes", "--now").succeeded()
        client.run("kill $(cat /root/pbx.pid)")


@dataclass
class Met:
    """What visitors and callers met."""

    requests: int
    failed: list[str]
    calls: list[dict[str, Any]]


@pytest.fixture
def under_load(pbx: Pbx, server: Host, lab: Running) -> Callable[..., Met]:
    """Runs `inv` while people call and browse, and tells what they met."""

    def run(act: Callable[[], object]) -> Met:
        lab.client.run("cat >/root/visitors.py", stdin=Path(visitors.__file__).read_bytes())
        words = ["docker", "-H", lab.docker.address, "exec", "-i", lab.client.container, "python3", "/root/visitors.py"]
        words += [server.name, server.address4, str(VISITS_A_SECOND), str(SOCKETS)]
        here = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begun = len(pbx.calls())
        pbx.keep(CALLS)
        try:
            act()
        finally:
            pbx.keep(0)
            told, _ = here.communicate(timeout=60)
        wait.until(lambda: not pbx.ask("/ari/channels"), 30, "all calls have ended", "look at the stand-in")
        found = json.loads(told)
        return Met(found["requests"], found["failed"], pbx.calls()[begun:])

    return run


def cost_nothing(met: Met) -> None:
    """Nobody noticed."""
    assert met.failed == []
    assert met.requests > VISITS_A_SECOND
    assert [
        call for call in met.calls if call["ended"] != "by the caller" or call["lost"] or call["backends"] != 1
    ] == []
    assert len(met.calls) > CALLS, "new calls came meanwhile"


def state(server: Host) -> str:
    """What serves."""
    return server.run(KEPT).stdout


def as_before_a_switch(server: Host) -> None:
    """No lock, no journal, and one backend."""
    left = server.run("cd /app/aipbx && ls -d lock switch.json images.env.switch 2>/dev/null", check=False).stdout
    assert left == ""
    assert len(server.run("docker ps -q --filter name=aipbx-backend-").stdout.split()) == 1


def test_without_the_pbx_a_deploy_waits_for_a_live_call_and_gives_up(deployed: Inv, server: Host, lab: Running) -> None:
    before = state(server)
    port = 3034 if colours.serving(server, "backend").endswith("green") else 3032
    talks = f"exec 3>/dev/udp/{server.address4}/{port}; while echo hello >&3; do sleep 1; done"
    lab.client.run(f"setsid bash -c '{talks}' >/dev/null 2>&1 & echo $! >/root/caller.pid")
    try:
        run = deployed("deploy", f"--host={server.name}", "--yes", "--drain-timeout=2")
    finally:
        lab.client.run("kill $(cat /root/caller.pid)")
    run.refused("1 calls are still live", "No moment without a call came within 2 s", "--now")
    assert run.code == 2
    assert "Waits for a moment without a call: 1 RTP flows are live" in run.output
    assert state(server) == before
    as_before_a_switch(server)


def test_a_deploy_and_a_rollback_cost_no_request_and_no_call(
    deployed: Inv, server: Host, under_load: Callable[..., Met]
) -> None:
    runs: list[Run] = []

    def act() -> None:
        runs.append(deployed("deploy", f"--host={server.name}", f"--sha={OLDER}", "--yes"))
        assert Web(server)("/api/version").json["sha"] == OLDER
        runs.append(deployed("rollback", f"--host={server.name}", "--yes"))

    met = under_load(act)
    for run in runs:
        run.succeeded()
        assert "go on on the old backend" in run.output
        assert "0 cut" in run.output
    cost_nothing(met)
    assert {call["to"].rpartition(":")[2] for call in met.calls} == {"3032", "3034"}
    as_before_a_switch(server)


def test_broken_releases_cost_nothing_either(deployed: Inv, server: Host, under_load: Callable[..., Met]) -> None:
    before = state(server)

    def act() -> None:
        for branch in ("broken/crash", "broken/dies"):
            with deployed.changed(server.name, branch=branch, settle_seconds=6):
                run = deployed("deploy", f"--host={server.name}", "--service=backend", "--yes")
            run.refused("the backend is not ready", "The end of its log:", f"back to backend {HEAD[:8]}")
            assert run.code == 1

    met = under_load(act)
    cost_nothing(met)
    assert state(server) == before


@pytest.mark.parametrize(
    ("after", "serves"), [(" started", HEAD), (" ready", HEAD), ("requests go to it", HEAD), (" answers", OLDER)]
)
def test_a_switch_that_is_killed_leaves_a_release_serving(
    deployed: Inv, server: Host, pbx: Pbx, after: str, serves: str
) -> None:
    run = deployed.started("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes")
    assert run.stdout
    for line in run.stdout:
        if f"{after} (" in line and "nginx" not in line:
            server.run("systemctl kill --signal=KILL --kill-whom=main aipbx-data-switch", check=False)
            break
    run.communicate(timeout=120)
    as_before_a_switch(server)
    assert Web(server)("/api/version").json["sha"] == serves
    serving = colours.serving(server, "backend")
    assert pbx.ask("/ari/asterisk/variable?variable=AIBOT")["value"] == serving.replace("backend", "aipbx")
    deployed("deploy", f"--host={server.name}", f"--sha={HEAD}", "--service=backend", "--yes").succeeded()


def test_a_laptop_that_dies_stops_nothing(deployed: Inv, server: Host, pbx: Pbx) -> None:
    run = deployed.started("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes")
    assert run.stdout
    for line in run.stdout:
        if " started (" in line:
            os.killpg(run.pid, signal.SIGKILL)
            break
    run.wait(timeout=30)
    assert server.run("cat /app/aipbx/lock/owner").stdout.endswith("; the host carries it out\n")
    gone = "! systemctl is-active --quiet aipbx-data-switch && [ ! -e /app/aipbx/lock ]"
    wait.until(lambda: server.run(gone, check=False).returncode == 0, 90, "the switch ends", "look at its unit")
    as_before_a_switch(server)
    assert Web(server)("/api/version").json["sha"] == OLDER
    entry = deployed.json("releases", f"--host={server.name}", "--json")[server.name][-1]
    assert (entry["result"], entry["after"]["backend"]) == ("ok", OLDER)
    server.run("mkdir /app/aipbx/lock && echo 'boris@desk, the PBX moves' >/app/aipbx/lock/owner")
    back = deployed.started("rollback", f"--host={server.name}", "--wait", "--yes")
    assert back.stdout
    assert "waiting for boris@desk, the PBX moves" in back.stdout.readline()
    server.run("rm -r /app/aipbx/lock")
    assert back.wait(timeout=180) == 0, back.stdout.read()


def test_calls_that_do_not_end_are_hung_up_at_the_deadline(deployed: Inv, server: Host, pbx: Pbx) -> None:
    pbx.keep(2, seconds=300)
    try:
        run = deployed("deploy", f"--host={server.name}", f"--sha={OLDER}", "--drain-timeout=3", "--yes").succeeded()
    finally:
        pbx.keep(0)
    assert "2 calls had not ended after 3 s and were hung up" in run.output
    assert "0 ended by themselves, 2 cut" in run.output


def test_no_deploy_begins_when_timers_would_run_twice_and_a_rollback_does(deployed: Inv, server: Host) -> None:
    before = state(server)
    with deployed.changed(server.name, no_overlap_utc=[f"*:{minute:02}" for minute in range(60)]):
        run = deployed("deploy", f"--host={server.name}", "--service=backend", "--yes", "--wait")
        run.refused("two backends could be up at", "No moment of a day is free", "takes the risk")
        assert run.code == 2
        assert state(server) == before
        # Calls of the story before may still go on.
        back = deployed("rollback", f"--host={server.name}", "--now", "--yes").succeeded()
    assert "when the application's timers run. This goes on" in back.output
