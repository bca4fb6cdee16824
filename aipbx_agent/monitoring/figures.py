"""`aipbx-agent figures`: every 30 seconds, the metrics that no exporter has, for node_exporter to read.

What cannot be known at the moment is left out: an alert is about a figure that is there, or about one that is missing.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from aipbx_agent.contract import CERTIFICATE, IMAGES, MONITORING_PROJECT, SERVICES
from aipbx_agent.core import events, files, metrics
from aipbx_agent.core.config import Config, load
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.metrics import sample
from aipbx_agent.monitoring import cgroup, dashboard, nginx, pulse, stack
from aipbx_agent.monitoring.network_use import connections, udp_drops
from aipbx_agent.release.containers import colours, traffic
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.status import containers, freshness
from aipbx_agent.tls import pem

SOCKET_IO_PORT = 3033


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Write them, and see to the containers of monitoring."""
    with suppress(AgentError):  # before the first `inv env.push` it has no variables
        config = load()
    ours = containers.of_project(config.project)
    theirs = containers.of_project(MONITORING_PROJECT)
    lines = []
    for part in (_release, _lock, _calls, _certificate, lambda _: _containers({**ours, **theirs}), _nginx(ours)):
        with suppress(AgentError, OSError):
            lines += list(part(config))
    metrics.write("figures", lines)
    if (config.app / IMAGES).exists():
        freshness.measure(config)
    stack.keep(config, theirs)
    dashboard.keep(config, set(theirs))
    # What gives way to a full disk, and what an operator stopped, is not broken.
    if any(container["State"]["Running"] for container in theirs.values()):
        pulse.watch(config)
    events.result()


def _release(config: Config) -> Iterator[str]:
    try:
        lines = (config.app / IMAGES).read_text("utf-8").splitlines()
    except OSError:
        yield sample("aipbx_release_running", 0)
        return
    images = dict(line.partition("=")[::2] for line in lines)
    shas = {name: images.get(f"{name.upper()}_IMAGE", "").rpartition(":")[2] for name in SERVICES}
    colour = colours.active(config, "backend").rpartition("-")[2]
    yield sample("aipbx_release_running", 1)
    yield sample("aipbx_release_info", 1, **shas, colour=colour)
    release = hashlib.sha256(":".join(shas.values()).encode()).hexdigest()[:12]
    yield sample("aipbx_own_release", 1, release=release)
    # nginx shows it to the other hosts: which release it is, a stranger does not learn by it.
    files.write(colours.folder(config) / "release", f"{sample('aipbx_peer_release', 1, release=release)}\n", 0o644)


def _lock(config: Config) -> Iterator[str]:
    lock = deploy_lock.current(config)
    # `inv lock` keeps releases away on purpose, for as long as its operator wants.
    yield sample("aipbx_lock_seconds", lock.seconds if lock and lock.standing != "by hand" else 0)


def _calls(config: Config) -> Iterator[str]:
    for port in map(int, config.raw["rtp_ports"]):
        yield sample("aipbx_rtp_flows", traffic.flows(port), port=str(port))


def _certificate(config: Config) -> Iterator[str]:
    if ends := pem.ends(config.app / CERTIFICATE):
        yield sample("aipbx_certificate_expires_timestamp_seconds", ends.timestamp())


def _containers(every: dict[str, dict[str, Any]]) -> Iterator[str]:
    for service, container in every.items():
        state, begin = container["State"], "aipbx_container_"
        yield sample(f"{begin}running", int(state["Running"]), service=service)
        yield sample(f"{begin}restarts_total", container["RestartCount"], service=service)
        yield sample(f"{begin}memory_limit_bytes", container["HostConfig"]["Memory"], service=service)
        if health := (state.get("Health") or {}).get("Status"):
            yield sample(f"{begin}unhealthy", int(health == "unhealthy"), service=service)
        if not state["Running"]:
            continue
        for name, value in cgroup.usage(state["Pid"]).items():
            yield sample(f"{begin}{name}", value, service=service)
        if service.startswith("backend"):
            with suppress(OSError):
                yield sample("aipbx_udp_drops_total", udp_drops(state["Pid"]), service=service)
                yield sample("aipbx_socket_io_connections", connections(state["Pid"], SOCKET_IO_PORT), service=service)


def _nginx(ours: dict[str, dict[str, Any]]) -> Callable[[Config], Iterator[str]]:
    container = ours.get("nginx")
    return lambda config: nginx.figures(config, container) if container and container["State"]["Running"] else iter(())
