"""Story: a host watches itself: what is wrong is told once, with what to do, and again when it is over."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from fleet.checkout import ROOT
from fleet.inventory import monitoring as network
from lab import wait
from lab.errors import LabError
from lab.machines.host import Host
from lab.running import Running
from lab.world.receivers import SLACK, TELEGRAM
from tests.lab import alert_cases, colours, monitored
from tests.lab.alert_causes import BACKUP, CAUSES, no_backup
from tests.lab.inv_run import Inv
from tests.lab.monitored import (
    ALERTMANAGER,
    CONCERNS,
    FIGURES,
    GATEWAY,
    PROJECT,
    PROMETHEUS,
    ask,
    asked,
    fires,
    hear,
    heard,
    known,
    on,
    silences,
    told,
    value,
    with_peer,
)

LIMITS = {"prometheus": 256, "alertmanager": 64, "blackbox": 64, "postgres-exporter": 64}
PORTS = "9090,9093,9100,9115,9180,9187"


def raised(server: Host, name: str, minutes: int) -> None:
    """Have Alertmanager believe in an alert for so many minutes; with 0 it is over."""
    words = {"summary": f"{name} of a <story> & more", "action": "inv status", "runbook": "inv runbook disk-space-low"}
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    alert = {"labels": {"alertname": name, "severity": "page"}, "annotations": words, "endsAt": ends.isoformat()}
    post = f"curl -sSf --json @- http://{ALERTMANAGER}/api/v2/alerts"
    server.run(post, stdin=json.dumps([alert]).encode())


def test_it_converges_and_a_second_run_changes_nothing(watched: Inv) -> None:
    assert watched.bootstrap.only(*CONCERNS)("-y").succeeded().changed == 0


def test_every_target_is_up_within_its_limits(watched: Inv, server: Host) -> None:
    def up() -> bool:
        found = value(server, "up == 1")
        return {labels["job"] for labels, _ in found} == {"prometheus", "alertmanager", "blackbox", "node", "postgres"}

    wait.until(up, 120, "every target is up", f"http://{PROMETHEUS}/targets on the host")
    assert value(server, "pg_up")[0][1] == 1
    inspected = json.loads(server.run(
        f"docker inspect $(docker ps -q --filter label=com.docker.compose.project={PROJECT})").stdout)  # fmt: skip
    limits = {
        one["Config"]["Labels"]["com.docker.compose.service"]: one["HostConfig"]["Memory"] >> 20 for one in inspected
    }
    assert limits == LIMITS
    for one in inspected:
        assert one["Config"]["User"] == "65534:65534"
        assert one["HostConfig"]["ReadonlyRootfs"]
        assert not one["HostConfig"]["PortBindings"]
    services = {labels["service"] for labels, bytes_ in value(server, "aipbx_container_memory_bytes") if bytes_ > 0}
    assert {"postgres", "nginx", colours.serving(server, "backend"), *LIMITS} <= services
    for figure in ("aipbx_release_info", "aipbx_nginx_connections", "aipbx_nginx_answers_total", "aipbx_rtp_flows",
                   "aipbx_udp_drops_total", "aipbx_socket_io_connections", "aipbx_lock_seconds", "aipbx_wal_ok",
                   "aipbx_certificate_expires_timestamp_seconds", "pg_stat_activity_max_tx_duration"):  # fmt: skip
        assert value(server, figure), figure


def test_the_exporter_of_the_database_reads_no_data(watched: Inv, server: Host) -> None:
    password = server.run("cat /app/aipbx/monitoring/secrets/postgres").stdout
    psql = "docker exec -i -e PGPASSWORD aipbx-postgres-1 psql -h 127.0.0.1 -U aipbx_monitor -d aipbx_production -At -c"
    ask_as = f"PGPASSWORD=$(cat) {psql} %s 2>&1"
    assert server.run(ask_as % "'select 1'", stdin=password.encode()).stdout == "1\n"
    refused = server.run(ask_as % "'select * from users'", stdin=password.encode(), check=False)
    assert "permission denied" in refused.stdout


def test_no_port_is_open_from_outside_nor_to_other_containers(watched: Inv, server: Host, lab: Running) -> None:
    for address in (server.address4, server.address6):
        states = lab.client.scan_tcp(address, PORTS)
        assert not {port for port, state in states.items() if state == "open"}
    network = server.run("docker network create monitoring-story").stdout.strip()
    try:
        for port in (9100, 9180):
            script = f"docker run --rm --network {network} {{}} wget -T 3 -qO- http://{GATEWAY}:{port}/"
            image = server.run("docker inspect -f '{{.Config.Image}}' aipbx-nginx-1").stdout.strip()
            assert server.run(script.format(image), check=False).returncode != 0
    finally:
        server.run(f"docker network rm {network}")


def test_every_rule_by_promtool(watched: Inv, server: Host) -> None:
    rules, tests = "/etc/prometheus/alerts.yml", "/prometheus/story.yml"
    script = f"cat >{tests} && promtool test rules {tests}; rm {tests}"
    run = server.run(
        f"docker exec -i -e TMPDIR=/prometheus {PROJECT}-prometheus-1 sh -c '{script}'",
        stdin=alert_cases.promtool(rules).encode(),
        check=False,
        timeout=120,
    )
    assert "SUCCESS" in run.stdout, run.stdout + run.stderr


def of_the_story(lab: Running, before: int) -> list[str]:
    """What was told of what it raised; a host may have alerts of its own."""
    return [text for text in told(lab, before) if "story" in text]


def test_an_alert_is_told_once_and_shown(watched: Inv, server: Host, lab: Running) -> None:
    at, before = f"--host={server.name}", len(lab.world.notifications())
    raised(server, "ClockWrong", 30)
    wait.until(
        lambda: len(of_the_story(lab, before)) >= 2, 60, "both receivers are told", "journalctl -u 'aipbx-alerts@*'"
    )
    slack, telegram = sorted(of_the_story(lab, before), key=lambda text: not text.startswith("*"))
    assert slack.startswith(f"*{server.name}: ALERT: ClockWrong*\n")
    assert "of a &lt;story&gt; &amp; more" in slack
    assert telegram == (
        f"{server.name}: ALERT: ClockWrong\nClockWrong of a <story> & more\nDo: inv status\n"
        "Page: inv runbook disk-space-low"
    )
    shown = watched("alerts", at)
    assert shown.code == 1
    assert "ClockWrong" in shown.output
    assert "ClockWrong" in watched.json("status", at, "--json")[server.name]["alerts"]["page"]
    watched("silence", at, "--for=2 weeks", "--reason=story").refused("is not a valid time")
    watched("silence", at, "--for=10m").refused("No reason is given.")
    watched("silence", at, "--for=10m", "--reason=a story").succeeded()
    assert "ClockWrong (silenced)" in watched("alerts", at).succeeded().output
    raised(server, "MemoryLow", 30)
    watched("silence", at, "--lift").succeeded()
    raised(server, "ClockWrong", 0)
    raised(server, "MemoryLow", 0)
    assert len(of_the_story(lab, before)) == 2


@pytest.mark.test_all
def test_an_alert_s_end_is_told(watched: Inv, server: Host, lab: Running) -> None:
    before = len(lab.world.notifications())
    raised(server, "ApiDown", 30)
    wait.until(lambda: len(told(lab, before)) >= 2, 60, "it is told", "journalctl -u 'aipbx-alerts@*'")
    raised(server, "ApiDown", 0)
    wait.until(lambda: len(told(lab, before)) >= 4, 120, "its end is told", "journalctl -u 'aipbx-alerts@*'")
    assert f"{server.name}: resolved: ApiDown\nResolved: ApiDown of a <story> & more" in told(lab, before)


def free_port() -> int:
    """A port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def brought(port: int, path: str) -> str:
    """What answers at a port of this machine; empty: nothing yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_a_tunnel_to_prometheus(watched: Inv, server: Host) -> None:
    port = free_port()
    run = watched.started("tunnel", "prometheus", f"--host={server.name}", f"--local={port}")
    try:
        wait.until(
            lambda: brought(port, "/-/ready") != "", 30, "Prometheus answers through the tunnel", "look at inv tunnel"
        )
    finally:
        os.killpg(run.pid, signal.SIGINT)
        run.wait(timeout=20)


GRAFANA = "docker ps --all --quiet --filter label=com.docker.compose.service=grafana"
KEEPER = "systemctl start aipbx-figures.service"


@contextmanager
def looking(watched: Inv, server: Host) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`inv dashboard`, once it answers, and its port here."""
    port = free_port()
    run = watched.started("dashboard", f"--host={server.name}", f"--local={port}")
    try:
        wait.until(
            lambda: brought(port, "/api/health") != "", 120, "Grafana answers through the tunnel", "inv dashboard"
        )
        yield run, port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait(timeout=20)


def test_grafana_is_there_while_an_operator_looks(watched: Inv, server: Host, lab: Running) -> None:
    """The lab's is a stand-in, which shows what Grafana would read."""
    with looking(watched, server) as (run, port):
        for name in network.GRAFANA_FILES:
            shown = brought(port, f"/provisioned/{name.removeprefix('grafana/')}")
            assert shown == (ROOT / "files" / "monitoring" / name).read_text()
        (one,) = json.loads(server.run(f"docker inspect $({GRAFANA})").stdout)
        assert one["HostConfig"]["Memory"] == 512 << 20
        assert one["HostConfig"]["ReadonlyRootfs"]
        assert not one["HostConfig"]["PortBindings"]
        assert not [mount for mount in one["Mounts"] if mount["RW"]]
        for address in (server.address4, server.address6):
            assert lab.client.scan_tcp(address, "3000").get(3000) != "open"
        server.run(f"{KEEPER} && /usr/local/sbin/aipbx-agent monitoring up", timeout=180)
        (still,) = json.loads(server.run(f"docker inspect $({GRAFANA})").stdout)
        assert still["State"]["StartedAt"] == one["State"]["StartedAt"]
        os.killpg(run.pid, signal.SIGINT)
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 0, said
        assert f"Grafana of {server.name} is stopped." in said
        assert server.run(GRAFANA).stdout == ""


@pytest.mark.test_all
@pytest.mark.parametrize("killed", ["operator", "agent"])
def test_grafana_ends_when_one_side_is_killed(watched: Inv, server: Host, killed: str) -> None:
    with looking(watched, server) as (run, _):
        if killed == "operator":
            os.killpg(run.pid, signal.SIGKILL)
        else:
            server.run("pkill -KILL -f '[-]-json dashboard'")
            said, _ = run.communicate(timeout=60)
            assert run.returncode == 1
            assert "was lost" in said
        wait.until(lambda: server.run(GRAFANA).stdout == "", 90, "Grafana is gone", "look at monitoring/dashboard.py")


@pytest.mark.test_all
def test_a_host_whose_disk_is_short_does_not_start_grafana(watched: Inv, server: Host) -> None:
    configured = server.run("cat /etc/aipbx/agent.json").stdout
    free = int(server.run("df --output=avail -m /app/aipbx | tail -n 1").stdout)
    try:
        wants = {**json.loads(configured), "min_free_disk_mib": free}
        server.run("cat >/etc/aipbx/agent.json", stdin=json.dumps(wants).encode())
        watched("dashboard", f"--host={server.name}", f"--local={free_port()}").refused("is too small for this")
    finally:
        server.run("cat >/etc/aipbx/agent.json", stdin=configured.encode())
    assert server.run(GRAFANA).stdout == ""


def panels() -> dict[str, str]:
    """The query of each series of each panel."""
    found: dict[str, str] = {}
    for name in network.DASHBOARDS:
        path = ROOT / "files" / "monitoring" / "grafana" / "dashboards" / f"{name}.json"
        for panel in json.loads(path.read_text())["panels"]:
            found |= {f"{name}: {panel['title']}: {one['refId']}": one["expr"] for one in panel["targets"]}
    return found


@pytest.mark.test_all
def test_every_panel_of_the_dashboards_has_figures(watched: Inv, server: Host) -> None:
    """The peer is a name of the lab's world: it answers over TLS, which is all that a panel asks of it."""
    missing = panels()
    watched("backup", f"--host={server.name}").succeeded()
    watched("verify", f"--host={server.name}").succeeded()

    def none_is_missing() -> bool:
        visit = f"curl -sk -o /dev/null --resolve {server.name}:443:127.0.0.1 https://{server.name}/"
        server.run(f"for i in $(seq 20); do {visit}; done")
        for title in [title for title, query in missing.items() if value(server, query)]:
            del missing[title]
        return not missing

    with with_peer(watched, server, "hooks.slack.com"):
        with suppress(LabError):
            wait.until(none_is_missing, 300, "every panel has figures", f"http://{PROMETHEUS}/graph on the host")
        assert missing == {}


@pytest.mark.test_all
def test_a_full_disk_stops_monitoring_and_room_brings_it_back(watched: Inv, server: Host, lab: Running) -> None:
    before, configured = len(lab.world.notifications()), server.run("cat /etc/aipbx/agent.json").stdout
    free = int(server.run("df --output=avail -m /app/aipbx | tail -n 1").stdout)
    running = f"docker ps -q --filter label=com.docker.compose.project={PROJECT} | wc -l"
    try:
        # The disk is not filled up, as it is every lab's: the host wants more of it than there is.
        wants = {**json.loads(configured), "min_free_disk_mib": 2 * free}
        server.run("cat >/etc/aipbx/agent.json", stdin=json.dumps(wants).encode())
        server.run("systemctl start aipbx-figures.service", timeout=120)
        assert server.run(running).stdout == "0\n"
        assert any("monitoring is stopped, because the disk is nearly full" in text for text in told(lab, before))
        assert "does not answer" in watched("alerts", f"--host={server.name}").output
    finally:
        server.run("cat >/etc/aipbx/agent.json", stdin=configured.encode())
    server.run("systemctl start aipbx-figures.service", timeout=120)
    assert server.run(running).stdout == "4\n"
    assert any("monitoring runs again" in text for text in told(lab, before))


@pytest.mark.test_all
@pytest.mark.parametrize("end", ["completes", "is killed"])
def test_a_restart_of_a_service_silences_what_it_causes(watched: Inv, server: Host, end: str) -> None:
    run = watched.started("restart", "backend", f"--host={server.name}", "--yes")
    wait.until(lambda: silences(server) == ["services"], 60, "its alerts are silent", "look at monitoring/silence.py")
    if end == "is killed":
        server.run("systemctl kill --signal=KILL aipbx-agent-services.service")
    run.communicate(timeout=300)
    wait.until(lambda: silences(server) == [], 60, "nothing is silent any more", "look at aipbx-agent cleanup")
    watched("start", "backend", f"--host={server.name}", "--yes")


@pytest.mark.test_all
def test_a_host_that_is_gone_is_reported_by_its_peer(watched: Inv, server: Host, lab: Running) -> None:
    """The peer of this inventory was never switched on: no name of it answers."""
    before = len(lab.world.notifications())
    with with_peer(watched, server, "aipbx.org"):
        wait.until(
            lambda: any(
                "HostDown" in text and "aipbx.org does not answer at all" in text for text in told(lab, before)
            ),
            420,
            "the team is told",
            f"http://{PROMETHEUS}/alerts on the host",
        )
        assert not any("SiteDown" in text for text in told(lab, before))


PROGRAM, OTHER = f"{PROJECT}-prometheus-1", f"{PROJECT}-alertmanager-1"
VOLUMES = "/var/lib/docker/volumes"
DATA, SILENCES = f"{VOLUMES}/{PROJECT}_prometheus/_data", f"{VOLUMES}/{PROJECT}_alertmanager/_data/silences"
# Two blocks: ten figures of ten hours ago, and ten of five hours ago.
MAKE = """
import sys, time
print("# TYPE", sys.argv[1], "gauge")
for hours in (10, 5):
    for minute in range(10):
        print(sys.argv[1], hours, int(time.time()) - hours * 3600 + 60 * minute)
print("# EOF")
"""
MADE = f"""
cd {DATA} && ls -d 01* 2>&- | sort >/tmp/before
python3 -c {shlex.quote(MAKE)} {{name}} >{DATA}/story
docker exec -e TMPDIR=/prometheus {PROGRAM} promtool tsdb create-blocks-from openmetrics /prometheus/story /prometheus
rm {DATA}/story; ls -d 01* | sort | comm -13 /tmp/before - | head -n 1
"""
RANDOM = "head -c 3000 /dev/urandom"
# By what is damaged: what does it, and how many of the twenty figures are there afterwards.
DAMAGES = {
    "a block's index": ("truncate -s 100 {block}/index", 10),
    "a block's figures": ("truncate -s 0 {block}/chunks/000001", 10),
    "a block's deletions": ("echo garbage >{block}/tombstones", 10),
    "the newest figures": ("echo garbage >chunks_head/000001", 20),
    "the middle of the log": (
        f"{RANDOM} | dd of=$(ls wal/0* | tail -n 1) bs=1 seek=9000 conv=notrunc",
        20,
    ),
    "a part of the log": ("cp -p wal/$(ls wal | grep -m 1 ^0) wal/00099999", 20),
}


@pytest.mark.test_all
@pytest.mark.parametrize("damage", DAMAGES)
def test_prometheus_starts_without_what_it_cannot_read(watched: Inv, server: Host, lab: Running, damage: str) -> None:
    """A power cut has damaged it; nobody does anything."""
    name, before = f"story_{uuid.uuid4().hex}", len(lab.world.notifications())
    script, kept = DAMAGES[damage]
    block = server.run(MADE.format(name=name)).stdout.split()[-1]
    server.run(f"docker kill {PROGRAM}; cd {DATA} && {script.format(block=block)}; docker start {PROGRAM}")

    def works() -> bool:
        ready = server.run(f"curl -sf --max-time 5 http://{PROMETHEUS}/-/ready", check=False).returncode == 0
        return ready and bool(value(server, "up == 1"))

    wait.until(works, 300, "Prometheus works again", f"docker logs {PROGRAM} on the host")
    assert [count for _, count in value(server, f"count_over_time({name}[12h])")] == [kept]
    if damage != "the middle of the log":  # Prometheus mends that itself
        said = [text for text in told(lab, before) if "data of monitoring were damaged" in text]
        assert len(said) == 2
        assert kept != 10 or block in said[0]


@pytest.mark.test_all
def test_alertmanager_starts_without_what_it_cannot_read(watched: Inv, server: Host, lab: Running) -> None:
    before = len(lab.world.notifications())
    server.run(f"docker kill {OTHER}; {RANDOM} >{SILENCES}; docker start {OTHER}")

    def told_so() -> bool:
        return sum("data of monitoring were damaged" in text for text in told(lab, before)) == 2

    wait.until(told_so, 180, "the team is told", f"docker logs {OTHER} on the host")
    wait.until(lambda: isinstance(ask(server, f"{ALERTMANAGER}/api/v2/silences"), list), 60, "it answers", "docker ps")


@pytest.mark.test_all
def test_a_program_that_is_gone_comes_back(watched: Inv, server: Host) -> None:
    server.run(f"docker rm --force {PROJECT}-blackbox-1")
    ask_docker = f"docker ps --quiet --filter name={PROJECT}-blackbox-1"
    wait.until(lambda: server.run(ask_docker).stdout != "", 120, "it runs again", "journalctl -u aipbx-figures")


@pytest.fixture(scope="module")
def quick(watched: Inv, server: Host) -> Iterator[Inv]:
    """The operator of a host whose rules wait for nothing."""
    with monitored.quick(server):
        yield watched


@pytest.mark.test_all
@pytest.mark.parametrize("alert", CAUSES)
def test_what_goes_wrong_is_told_and_so_is_its_end(quick: Inv, server: Host, lab: Running, alert: str) -> None:
    cause = CAUSES[alert]
    wait.until(lambda: not fires(server, alert), 120, f"{alert} is over", "what did an earlier story leave?")
    before = len(lab.world.notifications())
    on(server, cause.do)
    try:
        wait.until(lambda: fires(server, alert), 300, f"{alert} fires", f"http://{PROMETHEUS}/alerts on the host")
        hear(lab, before, f"{server.name}: ", f": {alert}", *cause.shown.split(" … "), f"Page: {page(alert)}")
    finally:
        on(server, cause.undo)
    wait.until(lambda: not fires(server, alert), 300, f"{alert} is over", f"http://{PROMETHEUS}/alerts on the host")
    hear(lab, before, f"{server.name}: resolved: {alert}")


def page(alert: str) -> str:
    """The command that prints its page."""
    return "inv runbook " + re.sub(r"(?<!^)(?=[A-Z])", "-", alert).lower()


LOOK = "systemctl start aipbx-watch.service"


@pytest.mark.test_all
def test_a_backup_that_is_too_old_is_told_once(quick: Inv, server: Host, lab: Running) -> None:
    """The agent looks every hour, Prometheus all the time, and monitoring is restarted: one message each."""
    before = len(lab.world.notifications())
    server.run(no_backup("30 hours"))
    try:
        server.run(LOOK, timeout=120)
        wait.until(lambda: fires(server, "BackupTooOld"), 120, "it fires", f"http://{PROMETHEUS}/alerts on the host")
        wait.until(lambda: len(told(lab, before)) == 2, 60, "both are told", "journalctl -u 'aipbx-alerts@*'")
        for _ in range(2):
            server.run(LOOK, timeout=120)
        server.run("systemctl restart aipbx-monitoring", timeout=180)
        server.run(LOOK, timeout=120)
        wait.until(
            lambda: "BackupTooOld" in known(server),
            180,
            "Alertmanager knows of it again",
            f"http://{ALERTMANAGER}/api/v2/alerts on the host",
        )
        quick("backup", f"--host={server.name}").succeeded()
        wait.until(lambda: not fires(server, "BackupTooOld"), 120, "it is over", "inv backups")
        over = f"{server.name}: resolved: BackupTooOld"
        wait.until(lambda: sum(over in text for text in told(lab, before)) == 2, 60, "its end is told", "journalctl")
        assert sum("ALERT: BackupTooOld" in text for text in told(lab, before)) == 2
        assert not [text for text in told(lab, before) if "too old" in text and "BackupTooOld" not in text]
    finally:
        server.run(BACKUP, timeout=120)


LOCK = CAUSES["LockTooOld"]


@pytest.mark.test_all
def test_a_receiver_that_fails_is_told_to_the_other(quick: Inv, server: Host, lab: Running) -> None:
    before, words = len(lab.world.notifications()), f"Slack takes no messages of {server.name}."
    try:
        with lab.world.failing(SLACK):
            on(server, LOCK.do)
            wait.until(lambda: fires(server, "NotificationsFailing"), 180, "it fires", "aipbx_notify.prom on the host")
            wait.until(lambda: heard(lab, before, words) == {TELEGRAM}, 60, "the other is told", "journalctl")
    finally:
        on(server, LOCK.undo)
    wait.until(lambda: not fires(server, "NotificationsFailing"), 180, "it is over", "aipbx_notify.prom on the host")
    hear(lab, before, "resolved: NotificationsFailing")


@contextmanager
def refused(server: Host, lab: Running) -> Iterator[None]:
    """No one outside takes a connection of the host's."""
    rule = f"OUTPUT -p tcp -d {lab.world.address4} --dport 443 -j REJECT --reject-with tcp-reset"
    rule6 = rule.replace(lab.world.address4, lab.world.address6)
    server.run(f"iptables -I {rule} && ip6tables -I {rule6}")
    try:
        yield
    finally:
        server.run(f"iptables -D {rule}; ip6tables -D {rule6}")


@contextmanager
def failing(_: Host, lab: Running) -> Iterator[None]:
    """Both receivers answer with 500."""
    with lab.world.failing(SLACK), lab.world.failing(TELEGRAM):
        yield


@pytest.mark.test_all
@pytest.mark.parametrize("outage", [failing, refused])
def test_what_no_one_took_is_shown_and_told_later(
    quick: Inv, server: Host, lab: Running, outage: Callable[[Host, Running], AbstractContextManager[None]]
) -> None:
    before, words = len(lab.world.notifications()), f"all of ALERT_* takes no messages of {server.name}."
    try:
        with outage(server, lab):
            on(server, LOCK.do)
            query = 'ALERTS{receiver_name="all of ALERT_*",alertstate="firing"}'
            wait.until(lambda: fires(server, "LockTooOld") and bool(value(server, query)), 240, "it fires", query)
            shown = quick("alerts", f"--host={server.name}")
            assert shown.code == 1
            assert words in shown.output
            assert not heard(lab, before, "LockTooOld")
        hear(lab, before, "LockTooOld")
        hear(lab, before, words)
    finally:
        on(server, LOCK.undo)
    wait.until(lambda: not fires(server, "NotificationsFailing"), 300, "it is over", "journalctl -u 'aipbx-alerts@*'")
    hear(lab, before, "resolved: LockTooOld")
    hear(lab, before, "resolved: NotificationsFailing")


@pytest.mark.test_all
def test_a_service_outside_is_asked_while_monitoring_works_only(quick: Inv, server: Host, lab: Running) -> None:
    """Prometheus hangs: what it said last counts for some minutes, then the agent notifies the team as well."""
    before, first = len(lab.world.notifications()), asked(lab)
    # Every minute: the first of them within the one that has begun.
    wait.until(lambda: asked(lab) >= first + 2, 130, "the service is asked", "deadman_url")
    server.run(f"docker pause {PROJECT}-prometheus-1")
    try:
        wait.until(lambda: "Watchdog" not in known(server), 400, "the watchdog ends", "resolve_timeout")
        last = asked(lab)
        shown = quick("alerts", f"--host={server.name}")
        assert shown.code == 1
        assert "does not answer" in shown.output or "does not work" in shown.output
        server.run(FIGURES, timeout=120)
        server.run('sed -i \'s/"since": [0-9.]*/"since": 1/\' /run/aipbx-monitoring-broken.json')
        for _ in range(2):
            server.run(FIGURES, timeout=120)
        assert sum("monitoring does not work" in text for text in told(lab, before)) == 2
        assert asked(lab) == last
    finally:
        server.run(f"docker unpause {PROJECT}-prometheus-1")
    wait.until(lambda: asked(lab) > last, 120, "the service is asked again", "deadman_url")
    server.run(FIGURES, timeout=120)
    assert sum("monitoring works again" in text for text in told(lab, before)) == 2
