"""Story: a host watches itself: what is wrong is told once, with what to do, and again when it is over."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleet.checkout import ROOT
from fleet.inventory import monitoring as network
from lab import wait
from lab.errors import LabError
from lab.machines.host import Host
from lab.running import Running
from tests.lab import alert_cases, colours
from tests.lab.inv_run import Inv

CONCERNS = ("firewall", "proxy", "agent", "monitoring")
PROJECT = "aipbx-monitoring"
GATEWAY, PROMETHEUS, ALERTMANAGER = "172.31.207.1", "172.31.207.2:9090", "172.31.207.3:9093"
LIMITS = {"prometheus": 256, "alertmanager": 64, "blackbox": 64, "postgres-exporter": 64}
PORTS = "9090,9093,9100,9115,9180,9187"
HOOK = "https://hooks.slack.com/services/T0/B0/monitoring"
VARIABLES = {
    "ALERT_SLACK_WEBHOOK": HOOK,
    "ALERT_TELEGRAM_BOT_TOKEN": "123456:monitoring-monitoring-monitoring-mon",
    "ALERT_TELEGRAM_CHAT": "-100200300",
}


@pytest.fixture(scope="module")
def watched(deployed: Inv, server: Host) -> Iterator[Inv]:
    """The operator of a deployed host that gets its monitoring now; afterwards it has none."""
    path = deployed.ssh_config.parent / "env" / f"{server.name}.env"
    before = path.read_text()
    path.write_text(before + "".join(f"{name}='{value}'\n" for name, value in VARIABLES.items()))
    deployed("env.push", f"--host={server.name}", "--yes").succeeded()
    deployed.set(server.name, monitoring=True)
    deployed.bootstrap.only(*CONCERNS)("-y").succeeded()
    yield deployed
    deployed.set(server.name, monitoring=False)
    deployed.bootstrap.only(*CONCERNS)("-y").succeeded()
    path.write_text(before)
    deployed("env.push", f"--host={server.name}", "--yes").succeeded()
    units = "ls /etc/systemd/system | grep -e monitoring -e alerts -e figures -e node-metrics"
    rest = f"{units}; iptables -S | grep br-aipbx-mon; ss -Hltn '( sport = :9180 )'"
    left = server.run(f"docker ps -aq --filter label=com.docker.compose.project={PROJECT}; {rest}", check=False)
    assert left.stdout == ""


def ask(server: Host, where: str) -> Any:
    """What Prometheus or Alertmanager answers on the host."""
    return json.loads(server.run(f"curl -sS --max-time 10 {shlex.quote(f'http://{where}')}").stdout)


def value(server: Host, query: str) -> list[tuple[dict[str, str], float]]:
    """What Prometheus answers to a query: labels and value of each series."""
    script = (
        f"curl -sS --max-time 10 -G --data-urlencode {shlex.quote(f'query={query}')} http://{PROMETHEUS}/api/v1/query"
    )
    found = json.loads(server.run(script).stdout)["data"]["result"]
    return [(one["metric"], float(one["value"][1])) for one in found]


def raised(server: Host, name: str, minutes: int) -> None:
    """Have Alertmanager believe in an alert for so many minutes; with 0 it is over."""
    words = {"summary": f"{name} of a <story> & more", "action": "inv status", "runbook": "inv runbook disk-space-low"}
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    alert = {"labels": {"alertname": name, "severity": "page"}, "annotations": words, "endsAt": ends.isoformat()}
    post = f"curl -sSf --json @- http://{ALERTMANAGER}/api/v2/alerts"
    server.run(post, stdin=json.dumps([alert]).encode())


def told(lab: Running, since: int) -> list[str]:
    """The texts of both receivers, since so many notifications."""
    return [json.loads(one.body)["text"] for one in lab.world.notifications()[since:]]


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


def test_an_alert_is_told_once_and_shown(watched: Inv, server: Host, lab: Running) -> None:
    at, before = f"--host={server.name}", len(lab.world.notifications())
    raised(server, "DiskSpaceLow", 30)
    wait.until(lambda: len(told(lab, before)) >= 2, 60, "both receivers are told", "journalctl -u 'aipbx-alerts@*'")
    slack, telegram = sorted(told(lab, before), key=lambda text: not text.startswith("*"))
    assert slack.startswith(f"*{server.name}: ALERT: DiskSpaceLow*\n")
    assert "of a &lt;story&gt; &amp; more" in slack
    assert telegram == (
        f"{server.name}: ALERT: DiskSpaceLow\nDiskSpaceLow of a <story> & more\nDo: inv status\n"
        "Page: inv runbook disk-space-low"
    )
    shown = watched("alerts", at)
    assert shown.code == 1
    assert "DiskSpaceLow" in shown.output
    assert "DiskSpaceLow" in watched.json("status", at, "--json")[server.name]["alerts"]["page"]
    watched("silence", at, "--for=2 weeks", "--reason=story").refused("is not a valid time")
    watched("silence", at, "--for=10m").refused("No reason is given.")
    watched("silence", at, "--for=10m", "--reason=a story").succeeded()
    assert "DiskSpaceLow (silenced)" in watched("alerts", at).succeeded().output
    raised(server, "MemoryLow", 30)
    watched("silence", at, "--lift").succeeded()
    raised(server, "DiskSpaceLow", 0)
    raised(server, "MemoryLow", 0)
    assert len(told(lab, before)) == 2


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


@contextmanager
def with_peer(watched: Inv, server: Host, name: str) -> Iterator[None]:
    """The host looks at another one."""
    inventory = watched.tree / "inventory.py"
    alone = inventory.read_text()
    inventory.write_text(alone.replace("production = [", f"production = [({name!r}, {{'role': 'the peer'}}),\n "))
    monitoring = watched.bootstrap.only("monitoring")
    try:
        monitoring("-y", "--limit", server.name).succeeded()
        yield
    finally:
        inventory.write_text(alone)
        monitoring("-y").succeeded()


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


def silences(server: Host) -> list[str]:
    """What is silenced, by its reasons."""
    return [
        one["comment"] for one in ask(server, f"{ALERTMANAGER}/api/v2/silences") if one["status"]["state"] == "active"
    ]


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


CAUSES: dict[str, tuple[str, str]] = {
    "ServiceUnhealthy": ("docker pause aipbx-nginx-1", "docker unpause aipbx-nginx-1"),
    "ExporterDown": ("systemctl stop prometheus-node-exporter", "systemctl start prometheus-node-exporter"),
    "LockTooOld": (
        "mkdir /app/aipbx/lock && echo story >/app/aipbx/lock/owner && echo '1 1' >/app/aipbx/lock/connection"
        " && touch -d '2 hours ago' /app/aipbx/lock",
        "rm -r /app/aipbx/lock",
    ),
    "LongTransaction": (
        # Nobody waits a quarter of an hour here: the clock of the rule is proved by promtool, its query by this.
        "docker exec -d aipbx-postgres-1 psql -U aipbx_admin -d postgres -c 'begin; select pg_sleep(120)'",
        'docker exec aipbx-postgres-1 psql -U aipbx_admin -d postgres -c "select pg_terminate_backend(pid) from'
        " pg_stat_activity where query like '%pg_sleep(120)%' and pid <> pg_backend_pid()\"",
    ),
}
# What fires while the cause lasts: alerts that wait are asked for without their `for`.
QUERIES = {
    "ServiceUnhealthy": 'aipbx_container_unhealthy{service="nginx"} == 1',
    "ExporterDown": 'up{job="node"} == 0',
    "LockTooOld": "aipbx_lock_seconds > 3600",
    "LongTransaction": 'max(pg_stat_activity_max_tx_duration{datname="postgres",application_name="psql"}) > 20',
}


@pytest.mark.test_all
@pytest.mark.parametrize("name", CAUSES)
def test_a_real_cause_is_what_the_rule_asks_for(watched: Inv, server: Host, name: str) -> None:
    """promtool proves how long a rule waits; this proves that the host shows what the rule is about."""
    cause, cure = CAUSES[name]
    server.run(cause)
    try:
        wait.until(lambda: bool(value(server, QUERIES[name])), 180, f"{name} has its figure", "look at its rule")
    finally:
        server.run(cure)
    wait.until(lambda: not value(server, QUERIES[name]), 180, f"{name} is over", "look at its rule")


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
