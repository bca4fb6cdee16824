"""The containers of the stack's services as Docker knows them; of colours, the one that serves."""

from __future__ import annotations

import json
from typing import Any

from aipbx_agent.contract import SERVICES
from aipbx_agent.core.config import Config
from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.process import run
from aipbx_agent.release.containers import colours

LABEL = "com.docker.compose"


def collect(config: Config) -> dict[str, dict[str, Any]]:
    """Image, status, restarts, health, start, declaration and networks by service, of those with a container."""
    try:
        every = of_project(config.project)
    except AgentError:
        return {}
    names = {service: colours.active(config, service) for service in ("postgres", *SERVICES, "nginx")}
    return {service: _summary(every[name]) for service, name in names.items() if name in every}


def of_project(project: str) -> dict[str, dict[str, Any]]:
    """Return the newest container of each of a project's Compose services, as `docker inspect` shows it."""
    argv = ["docker", "ps", "--all", "--quiet", "--no-trunc", f"--filter=label={LABEL}.project={project}"]
    identities = run([*argv, f"--filter=label={LABEL}.oneoff=False"], seconds=SECONDS).decode().split()
    if not identities:
        return {}
    # One that ends meanwhile is passed over: inspect shows the others, and fails.
    inspected = json.loads(run(["docker", "inspect", *identities], seconds=SECONDS, fine=(0, 1)))
    newest: dict[str, dict[str, Any]] = {}
    for image in sorted(inspected, key=lambda each: identities.index(each["Id"])):
        newest.setdefault(image["Config"]["Labels"][f"{LABEL}.service"], image)
    return newest


def _summary(container: dict[str, Any]) -> dict[str, Any]:
    state = container["State"]
    return {
        "image": container["Config"]["Image"],
        "status": state["Status"],
        "restarts": container["RestartCount"],
        "health": (state.get("Health") or {}).get("Status", ""),
        "started": state["StartedAt"],
    }
