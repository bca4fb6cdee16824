"""What a release that is about to come would meet on this host."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aipbx_agent.contract import CERTIFICATE, IMAGES
from aipbx_agent.core import compose, docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Problem
from aipbx_agent.core.process import run
from aipbx_agent.release.containers import colours, database_container
from aipbx_agent.release.pbx import pbxs
from aipbx_agent.release.switch import overlap
from aipbx_agent.status import background
from aipbx_agent.tls import declared, points_here


def collect(config: Config, request: dict[str, Any], problem: Problem | None) -> dict[str, Any]:
    """Return what it would meet; what failed is reported as `{"error": …}` in its place.

    Args:
        config: the host's; without the application's variables where these cannot be read.
        request: what the operator goes by: settings, drain_seconds, and whether they may read what is confidential: the
            application's variables, and the names and addresses of its customers' PBXs.
        problem: why the variables cannot be read.
    """
    if problem:
        return {"variables": _error(problem)}
    config = replace(config, raw={**config.raw, **request["settings"]})
    return {
        **(_confidential(config) if request["confidential"] else {}),
        "hands_over": config.hands_over,
        "restarts": _tried(lambda: _restarts(config)),
        "unknown_names": _tried(lambda: _unknown_names(config)),
        "elsewhere": _tried(lambda: _elsewhere(config)),
        "taken": _tried(lambda: _taken(config)),
        "stray": _tried(lambda: database_container.stray(config)),
        "background": _tried(lambda: background.running(config)),
        "overlap": _tried(lambda: _overlap(config, float(request["drain_seconds"]))),
    }


def _confidential(config: Config) -> dict[str, Any]:
    return {
        "variables": {**config.services, "host": config.secrets},
        "pbxs": _tried(lambda: pbxs.summary(config)),
    }


def _error(problem: Problem) -> dict[str, Any]:
    return {"error": problem.as_dict()}


def _tried(look: Callable[[], object]) -> object:
    try:
        return look()
    except AgentError as problem:
        return _error(problem)


def _overlap(config: Config, drain_seconds: float) -> dict[str, Any] | None:
    ahead = overlap.ahead(config, colours.serving(config, "backend"), drain_seconds)
    return vars(ahead) if ahead else None


def _restarts(config: Config) -> list[str]:
    """Return what every release stands on and would be restarted, because its declaration changed.

    Raises:
        Refused: the database may not come back.
    """
    if not (config.app / IMAGES).exists():
        return []
    return ["postgres"] * database_container.restarts(config, IMAGES) + ["nginx"] * _changed(config, "nginx")


def _unknown_names(config: Config) -> list[str]:
    """The names that DNS does not know, where the release would wait for a first certificate from the authority."""
    wanted = declared.read(config)
    if (config.app / CERTIFICATE).exists() or wanted.source != declared.LETSENCRYPT:
        return []
    return points_here.unknown(wanted.names)


def _elsewhere(config: Config) -> dict[str, list[str]]:
    """Return the addresses by name that are not this host's, where the authority must find it."""
    wanted = declared.read(config)
    return points_here.elsewhere(wanted) if wanted.source == declared.LETSENCRYPT else {}


def _taken(config: Config) -> list[str]:
    """Return the programs that listen where nginx would, a line each; nothing where nginx listens there already."""
    container = colours.present(config, "nginx")
    if container and docker.running(container):
        return []
    argv = ["ss", "--no-header", "--listening", "--tcp", "--numeric", "--processes", "sport = :80 or sport = :443"]
    lines = run(argv, seconds=docker.SECONDS).decode(errors="replace").splitlines()
    return sorted({f"{_program(line)} on port {line.split()[3].rpartition(':')[2]}" for line in lines if line.strip()})


def _program(line: str) -> str:
    named = re.search(r'users:\(\("([^"]+)"', line)
    return named[1] if named else "a program"


def _changed(config: Config, service: str) -> bool:
    """Return whether a container was made of another declaration than what the files say now."""
    container = colours.present(config, service)
    if not container:
        return False
    argv = ["docker", "inspect", "--format", "{{json .Config.Labels}}", container]
    actual = json.loads(run(argv, seconds=docker.SECONDS)).get("com.docker.compose.config-hash")
    stack = compose.stack(config.app, config.app / IMAGES)
    declared = compose.run([*stack, "config", "--hash", service], seconds=docker.SECONDS).decode().split()
    return declared[1:] != [actual]
