"""`aipbx-agent dashboard`: Grafana, for as long as someone looks, which is until standard input ends.

Whoever looks holds a lock, and the last one removes the container. The lock ends with its process, however that ends:
every 30 seconds `aipbx-agent figures` removes what no one looks at.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aipbx_agent.contract import MONITORING_PROJECT
from aipbx_agent.core import compose, disk, docker, events, retry
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.monitoring import client, stack
from aipbx_agent.status import machine

NAME = "grafana"
LOCK = Path("/run/lock/aipbx-dashboard")
# What its image takes on the disk, and what must be free of the memory: its limit, and a rest for the application.
IMAGE_MIB, MEMORY_MIB = 1024, 768
START_SECONDS = 120


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Start it, and remove it at the end.

    Raises:
        Refused: this host has no monitoring, or too little disk or memory.
        Failed: it does not start, or has ended by itself.
    """
    _refuse(config)
    with _looking(config):
        with events.step("start Grafana"):
            compose.run([*_profile(config), "up", "--detach", NAME], seconds=stack.UP_SECONDS)
            container = docker.container(MONITORING_PROJECT, NAME)
            _wait_answering(config, container)
        _wait_end(config, container)
    events.result()


def keep(config: Config, present: set[str]) -> None:
    """Remove it when no one looks any more: the process that started it was killed.

    Args:
        present: the Compose services of monitoring that have a container.
    """
    if NAME in present:
        with LOCK.open("a") as lock:
            _remove_unseen(config, lock)


@contextmanager
def _looking(config: Config) -> Iterator[None]:
    with LOCK.open("a") as lock:
        # It waits for one who is just removing the container.
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield
        finally:
            _remove_unseen(config, lock)


def _remove_unseen(config: Config, lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # someone looks
    compose.run([*_profile(config), "rm", "--stop", "--force", NAME], seconds=stack.DOWN_SECONDS)


def _refuse(config: Config) -> None:
    client.ask(config, "prometheus", "/api/v1/status/runtimeinfo")
    disk.require({config.app: 0, docker.root(): IMAGE_MIB * disk.MIB}, int(config.raw["min_free_disk_mib"]))
    free = machine.memory()["MemAvailable"]
    if free < MEMORY_MIB:
        raise Refused(
            f"{config.host} has too little free memory for Grafana.",
            f"{MEMORY_MIB} MiB must be free, and {free} MiB are.",
            f"inv tunnel prometheus --host={config.host} needs none, and has the same figures.",
        )


def _wait_answering(config: Config, container: str) -> None:
    def answers() -> None:
        client.ask(config, NAME, "/api/health")

    retry.until(START_SECONDS, answers, again=lambda _: docker.running(container))


def _wait_end(config: Config, container: str) -> None:
    """Wait until no one looks any more.

    Raises:
        Failed: the container ended before that.
    """
    with subprocess.Popen(["docker", "wait", container], stdout=subprocess.PIPE) as waiting:
        assert waiting.stdout is not None  # noqa: S101  a pipe, as it was started
        try:
            ended_itself = _is_first(waiting.stdout.fileno(), sys.stdin.fileno())
        finally:
            waiting.kill()
    if ended_itself:
        raise Failed(
            f"Grafana of {config.host} has ended by itself.",
            "Its memory was used up, the disk is short, or monitoring was restarted.",
            f"Open it again. inv status --host={config.host} says how the host is.",
        )


def _is_first(container: int, stdin: int) -> bool:
    """Whether the container ends before standard input does; what else comes there is nothing to us."""
    while True:
        ready, _, _ = select.select([stdin, container], [], [])
        if stdin in ready and not os.read(stdin, 4096):
            return False
        if container in ready:
            return True


def _profile(config: Config) -> list[str]:
    return [*stack.files(config), "--profile", "dashboard"]
