"""The stack's containers and volumes, as Docker knows them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aipbx_agent.core import events, retry
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import last_words, run

SECONDS = 60
DAEMON_SECONDS = 120
# Seconds between two checks of a container that starts.
PAUSE = 0.3
LOG_LINES = 15


def answering() -> None:
    """Wait until Docker answers: it may just be starting again.

    Raises:
        Failed: it does not in time.
    """
    retry.until(DAEMON_SECONDS, lambda: run(["docker", "version"], seconds=SECONDS))


def root() -> Path:
    """Where Docker keeps images and volumes: on a disk of its own, perhaps."""
    return Path(run(["docker", "info", "--format", "{{.DockerRootDir}}"], seconds=SECONDS).decode().strip())


def container(project: str, service: str, *, running: bool = True) -> str:
    """The id of a service's container.

    Args:
        running: whether only a running one will do.

    Raises:
        Refused: there is none.
    """
    filters = [f"label=com.docker.compose.project={project}", f"label=com.docker.compose.service={service}"]
    filters.append("label=com.docker.compose.oneoff=False")
    # The newest first; `--latest` would name one that has stopped.
    argv = ["docker", "ps", "--quiet", "--no-trunc", *([] if running else ["--all"])]
    names = run([*argv, *(f"--filter={condition}" for condition in filters)], seconds=SECONDS).decode().split()
    if not names:
        how = "does not run" if running else "is not there"
        raise Refused(f"{service} {how}.", f"Compose project {project} has no such container.", "inv status")
    return names[0]


def state(container: str) -> dict[str, Any]:
    """How a container is: Docker's `State`."""
    argv = ["docker", "inspect", "--format", "{{json .State}}", container]
    inspected: dict[str, Any] = json.loads(run(argv, seconds=SECONDS))
    return inspected


def image(container: str) -> str:
    """The name of the image that a container was made of."""
    argv = ["docker", "inspect", "--format", "{{.Config.Image}}", container]
    return run(argv, seconds=SECONDS).decode().strip()


def running(container: str) -> bool:
    """Whether it runs."""
    return bool(state(container)["Running"])


def stop(container: str) -> None:
    """Stop a container; `unless-stopped` does not start it again."""
    run(["docker", "stop", container], seconds=2 * SECONDS)


def start(container: str) -> None:
    """Start a container as it was made; nothing happens when it runs."""
    run(["docker", "start", container], seconds=2 * SECONDS)


def throwaway(name: str, limits: dict[str, Any]) -> list[str]:
    """The command that starts a container to be thrown away: reachable by no one, held to a part of the machine.

    Args:
        limits: agent.json.
    """
    argv = ["docker", "run", "--detach", "--name", name, "--network", "none", "--pull", "never"]
    argv += ["--memory", f"{limits['verify_memory_mib']}m", "--cpus", str(limits["verify_cpus"])]
    return [*argv, "--pids-limit", "512", "--cpu-shares", "128", "--oom-score-adj", "900"]


def wait_healthy(container: str, what: str, seconds: float) -> None:
    """Wait until a container runs and its health check says so.

    Args:
        container: its id or name.
        what: it is, for the message.
        seconds: the deadline.

    Raises:
        Failed: it ended, began again, or is not well in time; with the end of its log.
    """
    end = time.monotonic() + seconds
    restarts = _restarts(container)
    while True:
        now = state(container)
        health = now.get("Health", {}).get("Status", "healthy")
        if now["Running"] and health == "healthy":
            return
        if not now["Running"] or _restarts(container) > restarts:
            raise _not_well(container, what, "It ended by itself.")
        if time.monotonic() > end:
            raise _not_well(container, what, f"It is {health} after {seconds:.0f} s.")
        time.sleep(PAUSE)


def wait_answering(container: str, what: str, argv: Sequence[str], seconds: float) -> None:
    """Wait until a container without a health check answers a question.

    Args:
        container: its id or name.
        what: it is, for the message.
        argv: the question, as a command that succeeds once it is answered.
        seconds: the deadline.

    Raises:
        Failed: it ended, or does not answer in time.
    """
    try:
        retry.until(seconds, lambda: run(argv, seconds=SECONDS), again=lambda _: running(container))
    except Failed:
        wait_healthy(container, what, 0)
        raise


def _restarts(container: str) -> int:
    return int(run(["docker", "inspect", "--format", "{{.RestartCount}}", container], seconds=SECONDS))


def _not_well(container: str, what: str, how: str) -> Failed:
    log = run(["sh", "-c", 'exec docker logs --tail "$1" "$2" 2>&1', "sh", str(LOG_LINES), container], seconds=SECONDS)
    return Failed(f"{what} is not ready.", f"{how} The end of its log: {last_words(log)}", "Read its message.")


def volume(name: str) -> Path:
    """Where a volume's files are on this host.

    Raises:
        Failed: there is no such volume.
    """
    argv = ["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", name]
    return Path(run(argv, seconds=SECONDS).decode().strip())


def limit(container: str, cpus: float) -> None:
    """Let a container use so many CPUs, from now on and after every restart of it."""
    run(["docker", "update", f"--cpus={cpus:g}", container], seconds=SECONDS)


@contextmanager
def every_core(container: str, usual: float) -> Iterator[None]:
    """A container may use every core of this host meanwhile, which its neighbours then share with it fairly.

    A run that is killed leaves it so, and the tidying after it ends that (`Postgres.clear`).

    Args:
        container: its id or name.
        usual: how many CPUs it may use otherwise.
    """
    try:
        limit(container, max(usual, os.cpu_count() or 1))
    except Failed as problem:  # slower, and still right
        events.note(f"It keeps to {usual:g} CPUs: {problem.why}")
    try:
        yield
    finally:
        with suppress(Failed):  # the tidying tries it again, and here it would hide why a load failed
            limit(container, usual)
