"""What a host's images are called: as those of all hosts, unless CI builds them with arguments that others lack."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from aipbx_agent.contract import SERVICES
from fleet.inventory import hosts


def with_own(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a host with the names of its images.

    A service whose `build_arguments` are not those of group_data/all.py has an image of its own, named after the host.
    A host that builds its images itself keeps the names.

    Args:
        name: the host.
        data: as declared, not checked yet.
    """
    own = data.get("build_arguments")
    if data.get("images_from") != "registry" or not isinstance(own, Mapping):
        return dict(data)
    differing = [f"{service}_image" for service in SERVICES if own.get(service, {}) != _usual().get(service, {})]
    return dict(data) | {key: f"{data[key]}-{name}" for key in differing if key in data}


@cache
def _usual() -> dict[str, dict[str, str]]:
    declared: dict[str, dict[str, str]] = hosts.defaults().get("build_arguments", {})
    return declared
