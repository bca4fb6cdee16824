"""The application's first start on a new database: it makes its tables, and serves no one.

A throwaway backend does so, on the network of the database alone: it has no volume, no port and no way out.
"""

from __future__ import annotations

import json
from typing import Any

from aipbx_agent.contract import IMAGES, STAGED
from aipbx_agent.core import compose, docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import run
from aipbx_agent.restore import trial_backend

# What shall run (prepare.py): there is no images.env before the first release.


def make_tables(config: Config) -> None:
    """Start the application once, until its health check is content, and end it.

    Raises:
        Failed: it does not get ready; with the end of its log.
    """
    clear(config)
    project, stack = _project(config), trial_backend.stack(config, _images(config))
    with events.step("the application's first start makes its tables"):
        try:
            text = json.dumps(declaration(stack, project, config.database))
            argv = [*compose.alone(project), "up", "--detach", "--no-build", "--pull", "never"]
            compose.run(argv, seconds=trial_backend.SECONDS, stdin=text.encode())
            docker.wait_healthy(
                docker.container(project, "backend", running=False),
                "The application's first start",
                float(config.raw["ready_seconds"]),
            )
        finally:
            clear(config)


def declaration(stack: dict[str, Any], project: str, database: str) -> dict[str, Any]:
    """The Compose file of that backend.

    Args:
        stack: the stack, as Compose understands it.
        project: its own project.
        database: the live one's name.
    """
    backend = trial_backend.alone(stack["services"]["backend"], database)
    data = {"name": stack["networks"]["data"]["name"], "external": True}
    return {
        "name": project,
        "services": {"backend": {**backend, "networks": ["data"]}},
        "networks": {"data": data},
    }


def clear(config: Config) -> None:
    """Take the throwaway backend away, also one that a killed run left."""
    label = f"label=com.docker.compose.project={_project(config)}"
    leftover = run(["docker", "ps", "--all", "--quiet", "--filter", label], seconds=docker.SECONDS).decode().split()
    if leftover:
        run(["docker", "rm", "--force", "--volumes", *leftover], seconds=trial_backend.SECONDS)


def _images(config: Config) -> str:
    return STAGED if (config.app / STAGED).exists() else IMAGES


def _project(config: Config) -> str:
    return f"{config.project}-first-start"
