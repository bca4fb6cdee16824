"""What a deploy file knows of the host that it runs for."""

from __future__ import annotations

from typing import Any, cast

from pyinfra import host

from fleet import templates
from fleet.converge.connect.host_system import System
from fleet.inventory.settings import Settings


def settings() -> Settings:
    """Return the checked data of the current host."""
    return cast("Settings", host.connector_data["settings"])


def host_name() -> str:
    """Return the current host's name in the inventory."""
    return str(host.name)


def system() -> System:
    """Return what the current host said of itself at connect time."""
    return cast("System", host.connector_data["system"])


def docker_versions() -> dict[str, str]:
    """Docker's packages at their pinned versions, as its repository writes them: 5:29.8.1-1~debian.13~trixie."""
    suffix = f"~{system().distribution}.{system().version}~{system().codename}"
    return {name: f"{version}{suffix}" for name, version in settings().docker_packages.items()}


def render(template: str, **more: Any) -> str:
    """Return the text of a template for the current host.

    Args:
        template: its path below templates/.
        more: names it needs beside `settings`, `system` and `host_name`. A name it misses is an error.
    """
    return templates.render(template, settings=settings(), system=system(), host_name=host.name, **more)
