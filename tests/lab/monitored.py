"""A host that watches itself, as stories ask it: Prometheus, Alertmanager, and what the team was notified of."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from lab.world.receivers import HEALTHCHECKS, SLACK, TELEGRAM
from tests.lab import colours
from tests.lab.inv_run import Inv

CONCERNS = ("firewall", "proxy", "agent", "monitoring")
PROJECT = "aipbx-monitoring"
GATEWAY, PROMETHEUS, ALERTMANAGER = "172.31.207.1", "172.31.207.2:9090", "172.31.207.3:9093"
HOOK = "https://hooks.slack.com/services/T0/B0/monitoring"
# Asked as long as monitoring works.
CHECK = "/1d9b6a3e-0000-4000-8000-0123456789ab"
VARIABLES = {
    "ALERT_SLACK_WEBHOOK": HOOK,
    "ALERT_TELEGRAM_BOT_TOKEN": "123456:monitoring-monitoring-monitoring-mon",
    "ALERT_TELEGRAM_CHAT": "-100200300",
}


@contextmanager
def monitoring(deployed: Inv, server: Host) -> Iterator[None]:
    """A deployed host has its monitoring within this block."""
    path = deployed.ssh_config.parent / "env" / f"{server.name}.env"
    before = path.read_text()
    path.write_text(before + "".join(f"{name}='{value}'\n" for name, value in VARIABLES.items()))
    deployed("env.push", f"--host={server.name}", "--yes").succeeded()
    deployed.set(server.name, monitoring=True, deadman_url=f"https://{HEALTHCHECKS}{CHECK}")
    deployed.bootstrap.only(*CONCERNS)("-y").succeeded()
    yield
    deployed.set(server.name, monitoring=False, deadman_url="")
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


def told(lab: Running, since: int) -> list[str]:
    """The texts of both receivers, since so many notifications."""
    return [json.loads(one.body)["text"] for one in lab.world.notifications()[since:] if one.receiver != HEALTHCHECKS]


def asked(lab: Running) -> int:
    """How often the service behind `deadman_url` was asked."""
    return sum(one.receiver == HEALTHCHECKS and one.status == 200 for one in lab.world.notifications())


def silences(server: Host) -> list[str]:
    """What is silenced, by its reasons."""
    return [
        one["comment"] for one in ask(server, f"{ALERTMANAGER}/api/v2/silences") if one["status"]["state"] == "active"
    ]


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


FOLDER = "/app/aipbx/monitoring"
# Not by its unit, which systemd starts five times in ten seconds at most.
FIGURES = "/usr/local/sbin/aipbx-agent figures"
# By file below FOLDER: what stands there, and what stands there instead.
QUICK = {
    "prometheus/alerts.yml": {
        r"for: \d+[mh]": "for: 0s",
        r"\[5m\]": "[30s]",
        r"\[10m\]": "[1m]",
        r"\[15m\]": "[90s]",
        r"> 900\b": "> 20",
    },
    "prometheus/prometheus.yml": {r"(scrape|evaluation)_interval: \d+s": r"\1_interval: 5s"},
    "alertmanager/alertmanager.yml": {
        r"group_wait: 15s": "group_wait: 2s",
        r"group_interval: 1m": "group_interval: 15s",
    },
}


def reread(server: Host) -> None:
    """Have Prometheus and Alertmanager read their files again."""
    server.run(f"docker kill --signal HUP {PROJECT}-prometheus-1 {PROJECT}-alertmanager-1")


@contextmanager
def quick(server: Host) -> Iterator[None]:
    """The host has a copy of its rules, with the same expressions, that waits for nothing, within this block.

    Each `for` is none, windows of minutes are as many tenths, a transaction is long after 20 seconds. How long the
    rules wait, promtool proves.
    """
    before = {name: server.run(f"cat {FOLDER}/{name}").stdout for name in QUICK}
    for name, changes in QUICK.items():
        text = before[name]
        for pattern, instead in changes.items():
            text = re.sub(pattern, instead, text)
        server.run(f"cat >{FOLDER}/{name}", stdin=text.encode())
    reread(server)
    server.run("systemctl stop aipbx-figures.timer")
    yield
    server.run("systemctl start aipbx-figures.timer")
    for name, text in before.items():
        server.run(f"cat >{FOLDER}/{name}", stdin=text.encode())
    reread(server)


def fires(server: Host, alert: str) -> bool:
    """Whether an alert does, by figures of now."""
    server.run(FIGURES, timeout=120)
    return bool(value(server, f'ALERTS{{alertname="{alert}",alertstate="firing"}}'))


def known(server: Host) -> set[str]:
    """The alerts of which Alertmanager knows."""
    return {one["labels"]["alertname"] for one in ask(server, f"{ALERTMANAGER}/api/v2/alerts")}


def on(server: Host, script: str) -> None:
    """Run it there, where it knows the backend's container."""
    server.run(f"backend={colours.container(server, 'backend')}; {script}", timeout=180)


def heard(lab: Running, before: int, *parts: str) -> set[str]:
    """The receivers that took a message with all these words in it."""
    new = lab.world.notifications()[before:]
    return {one.receiver for one in new if one.status == 200 and all(part in one.body for part in parts)}


def hear(lab: Running, before: int, *parts: str) -> None:
    """Wait until both receivers took it."""
    both = f"both are told: {' … '.join(parts)}"
    wait.until(lambda: heard(lab, before, *parts) == {SLACK, TELEGRAM}, 120, both, "journalctl -u 'aipbx-alerts@*'")
