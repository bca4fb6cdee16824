"""`aipbx-agent monitoring up|down`: the containers of monitoring, as aipbx-monitoring.service has them.

They give way first: where the disk is about to be full they stop, and come back when there is room again. The exporter
of PostgreSQL comes with the database's network, which the first deploy makes.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from aipbx_agent.contract import MONITORING_FOLDER, MONITORING_PROJECT, MONITORING_UNIT
from aipbx_agent.core import compose, docker, events
from aipbx_agent.core.config import Config, load
from aipbx_agent.core.disk import MIB
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.process import attempt, run
from aipbx_agent.core.text import size
from aipbx_agent.monitoring import damage
from aipbx_agent.report import notify
from aipbx_agent.roles import monitor

# It may have to pull its images first.
UP_SECONDS = 600
DOWN_SECONDS = 90
# The profiles of those that are not always there.
EVERY = ("--profile", "database", "--profile", "dashboard")
# Those that are.
ALWAYS = {"prometheus", "alertmanager", "blackbox"}
# Held while they are started or removed.
LOCK = Path("/run/lock/aipbx-monitoring")
# There while the containers are stopped for want of disk; a boot judges again.
STOPPED = Path("/run/aipbx-monitoring-stopped")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which way."""
    parser.add_argument("way", choices=("up", "down"))


def main(config: Config, options: argparse.Namespace) -> None:
    """Start or remove them; their data stay."""
    docker.answering()
    with suppress(AgentError):  # before the first `inv env.push` it has no variables
        config = load()
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if options.way == "up":
            start(config)
        else:
            compose.run([*files(config), *EVERY, "down", "--timeout", "10"], seconds=DOWN_SECONDS)
    events.result()


def start(config: Config) -> None:
    """Start them as they are declared, unless the disk is short."""
    if is_short(config):
        STOPPED.touch()
        return
    profile = ["--profile", "database"] if database_ready(config) else []
    compose.run([*files(config), *profile, "up", "--detach", "--remove-orphans"], seconds=UP_SECONDS)
    STOPPED.unlink(missing_ok=True)


def keep(config: Config, there: dict[str, dict[str, Any]]) -> None:
    """See that they run, or do not, as the disk, the database and their own data have it.

    Args:
        config: the host's.
        there: the containers of monitoring by their Compose services, as `docker inspect` shows them.
    """
    with LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # they are just being started or removed
        _keep(config, there)


def _keep(config: Config, there: dict[str, dict[str, Any]]) -> None:
    running = {name for name, container in there.items() if container["State"]["Running"]}
    if STOPPED.exists():
        if not is_short(config, resume=True):
            start(config)
            notify.send(config, f"{config.host}: monitoring runs again", "There is room on the disk again.")
    elif is_short(config):
        _give_way(config)
    elif running and _is_missing(config, running):
        if _is_on():
            start(config)
    else:
        for name, container in there.items():
            damage.repair(config, name, container)


def _is_missing(config: Config, running: set[str]) -> bool:
    return not running >= ALWAYS or ("postgres-exporter" not in running and database_ready(config))


def _is_on() -> bool:
    """Whether the unit is: what an operator, or a convergence, has stopped meanwhile stays so."""
    return attempt(["systemctl", "is-active", MONITORING_UNIT], seconds=docker.SECONDS)[1].strip() == "active"


def is_short(config: Config, *, resume: bool = False) -> bool:
    """Whether less disk is free than three quarters of what should be.

    Args:
        resume: they are stopped: all of it must be free.
    """
    floor = int(config.raw["min_free_disk_mib"]) * MIB
    return free(config) < (floor if resume else floor * 3 // 4)


def free(config: Config) -> int:
    """Bytes that are free where the application and Docker's volumes are; the less of the two."""
    return min(shutil.disk_usage(path).free for path in (config.app, docker.root()))


def _give_way(config: Config) -> None:
    # In this order: a run that is killed in between stops them in the next one.
    compose.run([*files(config), *EVERY, "stop", "--timeout", "10"], seconds=DOWN_SECONDS)
    STOPPED.touch()
    text = f"{size(free(config))} are free. It starts again when min_free_disk_mib is free."
    do = f"Make room: inv prune --host={config.host}; inv status --host={config.host}"
    notify.send(config, f"{config.host}: monitoring is stopped, because the disk is nearly full", f"{text}\n{do}")


def files(config: Config) -> list[str]:
    """Words that name the project's files."""
    folder = config.app / MONITORING_FOLDER
    return ["--project-name", MONITORING_PROJECT, "--env-file", os.devnull, "-f", f"{folder}/compose.yml"]


def has_network(config: Config) -> bool:
    """Whether the database's network is there."""
    try:
        run(["docker", "network", "inspect", f"{config.project}_data"], seconds=docker.SECONDS)
    except AgentError:
        return False
    return bool(config.services)


def database_ready(config: Config) -> bool:
    """Whether there is a database that lets the exporter in: its role is declared now."""
    if not has_network(config) or config.dialect != "postgres":
        return False
    try:
        monitor.declare(config)
    except AgentError as problem:
        events.note(f"PostgreSQL is not watched yet: {problem.what} {problem.why}")
        return False
    return True
