"""Containers of the stack that should run and do not: started; where that fails, recreated from their declaration.

Their data are in volumes, so a container can always be recreated. Docker itself is restarted last: after a power cut it
may hold a port for a container that is gone. With live-restore no running container notices.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aipbx_agent import contract
from aipbx_agent.contract import IMAGES
from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.core.process import run
from aipbx_agent.release.containers import colours

# PostgreSQL replays its log after a power cut.
READY_SECONDS = 600


def database(config: Config) -> str:
    """Return the Compose service of the live database server; one that is elsewhere is none of the stack's."""
    return "mysql" if config.dialect == "mysql" else config.services["backend"]["DB_HOST"]


def started(config: Config, service: str) -> str:
    """Have a service run, and return its container's id.

    Args:
        service: what Compose calls it; there is a container of it.

    Raises:
        Failed: it does not start, whatever was tried.
    """
    docker.answering()
    container = docker.container(config.project, service, running=False)
    if _is_gone(docker.state(container)):
        _restart_docker(config, service)
    problem = _problem(container)
    for remedy, heal in _REMEDIES:
        if not problem:
            break
        events.note(f"{service} does not start ({problem.why}). Next: {remedy}.")
        try:
            heal(config, service)
            container = docker.container(config.project, service, running=False)
            problem = _problem(container)
        except AgentError as failed:
            problem = failed
    if problem:
        raise Failed(f"{service} does not start on {config.host}.", problem.why, "Read its message.")
    return container


def stopped(config: Config) -> list[str]:
    """Return the services that should run and do not: the database, and what Docker tried to start and could not."""
    services = []
    for service in dict.fromkeys(
        (database(config), "nginx", *(colours.active(config, service) for service in contract.SERVICES))
    ):
        container = colours.present(config, service)
        if container and _is_down(container, whatever_the_cause=service == database(config)):
            services.append(service)
    return services


def brought_back(config: Config, service: str) -> None:
    """Start a service that was down, and the backend again where it met no database when it came up.

    Raises:
        Failed: it does not start, or is not healthy in time.
    """
    ended = _ended(docker.container(config.project, service, running=False))
    container = started(config, service)
    docker.wait_healthy(container, service, READY_SECONDS)
    backend = colours.present(config, colours.active(config, "backend"))
    if service != database(config) or not backend or not docker.running(backend):
        return
    # The application makes its roles when it starts, and continues without them.
    if docker.state(backend)["StartedAt"] > ended:
        run(["docker", "restart", backend], seconds=docker.DAEMON_SECONDS)


def _ended(container: str) -> str:
    """Until when a service that is down may have answered, as Docker writes times.

    One that was created and never started replaced another; one whose process is gone was up until lately.
    """
    state = docker.state(container)
    if _is_gone(state):
        return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}"
    created = run(["docker", "inspect", "--format", "{{.Created}}", container], seconds=docker.SECONDS)
    return max(str(state["FinishedAt"]), created.decode().strip())


def _is_down(container: str, *, whatever_the_cause: bool) -> bool:
    state = docker.state(container)
    if state["Running"]:
        return _is_gone(state)
    # Docker notes why it could not start one; it notes nothing where someone stopped it on purpose.
    return whatever_the_cause or bool(state["Error"])


def _is_gone(state: dict[str, Any]) -> bool:
    """Whether Docker calls a container running whose process ended with containerd's: it notices when it starts."""
    has_process = state["Running"] and not state.get("Restarting") and state["Pid"] > 0
    return bool(has_process) and not Path("/proc", str(state["Pid"])).exists()


def _problem(container: str) -> AgentError | None:
    try:
        docker.start(container)
    except AgentError as problem:
        return problem
    return None


def _recreate(config: Config, service: str) -> None:
    colours.start(config, service, config.app / IMAGES)


def _restart_docker(_: Config, __: str) -> None:
    run(["systemctl", "restart", "docker.service"], seconds=docker.DAEMON_SECONDS)
    docker.answering()


_REMEDIES: tuple[tuple[str, Callable[[Config, str], None]], ...] = (
    ("recreate it", _recreate),
    ("restart Docker", _restart_docker),
)
