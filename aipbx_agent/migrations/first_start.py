"""The application's first start on a new database: it makes its tables, and serves no one.

A throwaway backend does so, on the network of the database alone: it has no volume, no port and no way out.
"""

from __future__ import annotations

from typing import Any

from aipbx_agent.contract import IMAGES, STAGED
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
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
            definition = declaration(stack, project, config.database)
            trial_backend.start(config, definition, "The application's first start")
        finally:
            clear(config)


def declaration(stack: dict[str, Any], project: str, database: str) -> dict[str, Any]:
    """Return the Compose file of that backend.

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
    trial_backend.remove(_project(config))


def _images(config: Config) -> str:
    return STAGED if (config.app / STAGED).exists() else IMAGES


def _project(config: Config) -> str:
    return f"{config.project}-first-start"
