"""Story: releases change places while people call and browse, some of them broken, some of them killed halfway."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest

from fleet.env.dotenv import dotenv_file
from lab import load, wait
from lab.load import Met, Pbx
from lab.machines.host import Host
from lab.running import Running
from tests.lab import colours, content
from tests.lab.application import BACKEND
from tests.lab.inv_run import QUICK_BOOT, Inv
from tests.lab.pyinfra_run import Run
from tests.lab.web import Web

HEAD, OLDER = BACKEND["fourth"], BACKEND["third"]

# As much as a busy machine bears without losing packets by itself.
CALLS, CALL_SECONDS, VISITS_A_SECOND, SOCKETS = 2, 6, 20, 5
NEVER = [{"path": "/", "statuses": [418], "content_type": "text/html"}]
KEPT = "cd /app/aipbx && cat images.env && ls nginx/active && docker ps --format '{{.Names}}' | sort"


@pytest.fixture(scope="module")
def pbx(deployed: Inv, server: Host, lab: Running) -> Iterator[Pbx]:
    """The PBX, known to the server and to its backend, which boots as slowly as the real one does."""
    made = Pbx(lab)
    made.start()
    path = deployed.ssh_config.parent / "env" / f"{server.name}.env"
    before = path.read_text()
    given = "".join(f"{dotenv_file.assignment(name, value)}\n" for name, value in made.variables.items())
    path.write_text(before.replace(QUICK_BOOT, "") + given)
    made.enter(server)
    try:
        deployed("env.push", f"--host={server.name}", "--yes").succeeded()
        run = deployed("deploy", f"--host={server.name}", "--yes").succeeded()
        assert "new calls go to it" in run.output
        yield made
    finally:
        made.take_out(server)
        path.write_text(before)
        deployed("env.push", f"--host={server.name}", "--yes").succeeded()
        deployed("deploy", f"--host={server.name}", "--yes", "--now").succeeded()
        made.stop()


@pytest.fixture
def head(deployed: Inv, server: Host, pbx: Pbx) -> None:
    """The head serves, whatever the story before left; its calls may outlive their host."""
    if Web(server)("/api/version").json["sha"] != HEAD:
        deployed("deploy", f"--host={server.name}", f"--sha={HEAD}", "--service=backend", "--now", "--yes").succeeded()


@pytest.fixture
def under_load(pbx: Pbx, server: Host) -> Callable[..., Met]:
    """Runs `inv` while people call and browse, and tells what they met."""

    def run(act: Callable[[], object]) -> Met:
        with load.on(server, pbx, visits=VISITS_A_SECOND, sockets=SOCKETS, calls=CALLS, seconds=CALL_SECONDS) as met:
            act()
        return met

    return run


@pytest.fixture
def customers(pbx: Pbx, server: Host) -> Iterator[Pbx]:
    """A customer's PBX beside the first."""
    other = Pbx(pbx.lab, pbx.port + 1)
    other.start()
    other.enter(server)
    application = colours.serving(server, "backend").replace("backend", "aiPBXBot")
    known = f"/ari/applications/{application}"
    wait.until(lambda: "name" in other.ask(known), 30, "the backend has found it", "inv logs backend")
    other.ask(f"/ari/asterisk/variable?variable=AIBOT&value={application}", "POST")
    try:
        yield other
    finally:
        other.take_out(server)
        other.stop()


def cost_nothing(met: Met) -> None:
    """No one noticed."""
    assert met.failed == []
    assert met.requests > VISITS_A_SECOND
    assert met.broken_calls == []
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
    run.refused("1 calls are still live", "The calls did not end within 2 s", "--now")
    assert run.code == 2
    assert "Waits until no call is live: 1 RTP flows are live" in run.output
    assert state(server) == before
    as_before_a_switch(server)


@pytest.mark.usefixtures("head")
def test_a_deploy_and_a_rollback_cost_no_request_and_no_call(
    deployed: Inv, server: Host, under_load: Callable[..., Met], customers: Pbx
) -> None:
    runs: list[Run] = []

    def act() -> None:
        customers.keep(1, CALL_SECONDS)
        runs.append(deployed("deploy", f"--host={server.name}", f"--sha={OLDER}", "--yes"))
        assert Web(server)("/api/version").json["sha"] == OLDER
        runs.append(deployed("rollback", f"--host={server.name}", "--yes"))
        customers.keep(0, CALL_SECONDS)

    met = under_load(act)
    wait.until(lambda: not customers.ask("/ari/channels"), 60, "all calls have ended", "look at the stand-in")
    met.calls += customers.calls()
    for run in runs:
        run.succeeded()
        assert "PBXs: 2, of which 2 are handed over." in run.output
        # Where no call was live any more when the drain looked, it says nothing of calls.
        assert not re.search(r"[1-9]\d* cut", run.output), run.output
    cost_nothing(met)
    for calls in (met.calls, customers.calls()):
        assert {call["to"].rpartition(":")[2] for call in calls} == {"3032", "3034"}
    as_before_a_switch(server)


@pytest.mark.test_all
@pytest.mark.usefixtures("head")
def test_a_pbx_that_is_switched_off_is_named_and_holds_no_release_up(
    deployed: Inv, server: Host, customers: Pbx
) -> None:
    off = Pbx(customers.lab, customers.port + 1)
    off.enter(server)
    try:
        run = deployed("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes").succeeded()
    finally:
        off.take_out(server)
    assert "PBXs: 3, of which 2 are handed over." in run.output
    assert f"pbx-{off.port} ({off.lab.client.address4}:{off.port}) is not" in run.output
    assert "continue on the old backend" in run.output


@pytest.mark.test_all
@pytest.mark.usefixtures("head")
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


@pytest.mark.usefixtures("head")
@pytest.mark.parametrize(
    ("after", "serves"),
    [
        pytest.param(" started", HEAD, marks=pytest.mark.test_all),
        pytest.param(" ready", HEAD, marks=pytest.mark.test_all),
        ("requests go to it", HEAD),
        (" answers", OLDER),
    ],
)
def test_a_switch_that_is_killed_leaves_a_release_serving(
    deployed: Inv, server: Host, pbx: Pbx, after: str, serves: str
) -> None:
    # It waits for an answer that never comes, until it is killed: so late as that may be, it has not decided.
    waits = {"public_checks": NEVER} if serves == HEAD else {}
    with deployed.changed(server.name, **waits):
        run = deployed.started("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes")
        assert run.stdout
        for line in run.stdout:
            if f"{after} (" in line and "nginx" not in line:
                server.run("systemctl kill --signal=KILL --kill-whom=main aipbx-agent-switch", check=False)
                break
        run.communicate(timeout=120)
    as_before_a_switch(server)
    assert Web(server)("/api/version").json["sha"] == serves
    serving = colours.serving(server, "backend")
    assert pbx.ask("/ari/asterisk/variable?variable=AIBOT")["value"] == serving.replace("backend", "aiPBXBot")


@pytest.mark.test_all
@pytest.mark.usefixtures("head")
def test_a_laptop_that_dies_stops_nothing(deployed: Inv, server: Host, pbx: Pbx) -> None:
    run = deployed.started("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes")
    assert run.stdout
    for line in run.stdout:
        if " started (" in line:
            os.killpg(run.pid, signal.SIGKILL)
            break
    run.wait(timeout=30)
    assert server.run("cat /app/aipbx/lock/owner").stdout.endswith("; the host carries it out\n")
    deployed("unlock", f"--host={server.name}", "--yes").refused("The host carries it out", "inv unlock --force")
    gone = "! systemctl is-active --quiet aipbx-agent-switch && [ ! -e /app/aipbx/lock ]"
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


@pytest.mark.test_all
@pytest.mark.usefixtures("head")
@pytest.mark.parametrize(
    ("after", "seconds_to_stop", "serves"),
    [
        pytest.param(" started", 0, HEAD, id="power cut"),
        pytest.param(" answers", 30, OLDER, id="reboot"),
    ],
)
def test_a_host_that_goes_down_in_the_middle_comes_back_with_one_release(
    deployed: Inv, server: Host, pbx: Pbx, after: str, seconds_to_stop: float, serves: str
) -> None:
    # As after a new certificate: that nginx was told something keeps it from nothing after a boot.
    server.run("/usr/local/lib/aipbx/nginx.sh reload")
    pbx.keep(1, 300)  # so that the switch is at its drain when the host is told to stop
    try:
        run = deployed.started("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes")
        assert run.stdout
        for line in run.stdout:
            if f"{after} (" in line and "nginx" not in line:
                break
        server.reboot(seconds_to_stop)
        told = run.communicate(timeout=120)[0]
    finally:
        pbx.keep(0, 0)
    assert (run.returncode, "Traceback" in told) == (1, False), told
    assert f"{server.name}: the connection was lost during switch." in told
    assert "it continues on the host" in told
    server.wait_ready()
    as_before_a_switch(server)
    web, address = Web(server), f"https://{server.name}/api/version"
    wait.until(lambda: web.refusal(address, "--fail") == 0, 60, "it serves again, by itself", "docker ps there")
    settled = '[ -z "$(docker ps --quiet --filter health=starting)" ]'
    wait.until(lambda: server.run(settled, check=False).returncode == 0, 60, "health is known", "docker ps there")
    assert web("/api/version").json["sha"] == serves
    row = deployed.json("status", f"--host={server.name}", "--json")[server.name]
    assert (row["backend"], row["lock"], row["drift"]) == (serves, None, [])
    assert set(row["services"].values()) == {"healthy"}


@pytest.mark.test_all
@pytest.mark.usefixtures("head")
def test_calls_that_do_not_end_are_hung_up_at_the_deadline(deployed: Inv, server: Host, pbx: Pbx) -> None:
    pbx.keep(2, 300)
    try:
        run = deployed("deploy", f"--host={server.name}", f"--sha={OLDER}", "--drain-timeout=3", "--yes").succeeded()
    finally:
        pbx.keep(0, 0)
    assert "2 calls had not ended after 3 s and were hung up" in run.output
    assert "0 ended by themselves, 2 cut" in run.output


@pytest.mark.test_all
def test_a_restore_tries_the_release_out_where_no_pbx_is_and_calls_come_again(
    deployed: Inv, server: Host, pbx: Pbx
) -> None:
    name = pbx.ask("/ari/asterisk/variable?variable=AIBOT")["value"]
    deployed("backup", f"--host={server.name}").succeeded()
    newest = server.run("ls /app/aipbx/backups/sets | tail -n 1").stdout.strip()
    run = deployed("restore", newest, f"--host={server.name}", "--yes").succeeded()
    assert "the application works with a copy of" in run.output
    wait.until(
        lambda: "name" in pbx.ask(f"/ari/applications/{name}"), 30, f"{name} is registered again", "inv logs backend"
    )
    deployed("restore", "--discard", f"--host={server.name}", "--yes").succeeded()


ALWAYS = {"*:*/1": "all that there is"}


def test_no_deploy_begins_when_timers_would_run_twice(deployed: Inv, server: Host) -> None:
    before = state(server)
    with deployed.changed(server.name, application_timers=ALWAYS):
        run = deployed("deploy", f"--host={server.name}", "--service=backend", "--yes", "--wait")
    run.refused("two backends could be up at", "No time of day is free", "takes the risk")
    assert run.code == 2
    assert state(server) == before


@pytest.mark.test_all
def test_a_rollback_begins_although_timers_run_twice(deployed: Inv, server: Host) -> None:
    with deployed.changed(server.name, application_timers=ALWAYS):
        # Calls of the story before may still continue.
        back = deployed("rollback", f"--host={server.name}", "--now", "--yes").succeeded()
    assert "all that there is. This run continues" in back.output
    assert "Two backends were up at" in back.output


@pytest.mark.test_all
def test_work_in_the_background_is_shown_before_the_question(deployed: Inv, server: Host) -> None:
    content.psql(
        server,
        'CREATE TABLE operator_analytics (status text, "createdAt" timestamptz DEFAULT now());'
        "INSERT INTO operator_analytics VALUES ('processing'), ('processing'), ('error');"
        "INSERT INTO operator_analytics VALUES ('processing', now() - interval '2 hours');"
        # As the application's own tables: they belong to whom the database belongs to.
        "SELECT format('ALTER TABLE operator_analytics OWNER TO %I', pg_get_userbyid(datdba)) FROM pg_database "
        "WHERE datname = current_database() \\gexec",
    )
    try:
        asked = deployed("deploy", f"--host={server.name}", "--service=backend", "--dry").succeeded().output
        assert "In the background: 2 analyses of recordings." in asked
    finally:
        content.psql(server, "DROP TABLE operator_analytics")
    assert "In the background" not in deployed("deploy", f"--host={server.name}", "--dry").succeeded().output
