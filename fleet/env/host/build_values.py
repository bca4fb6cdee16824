"""Values for the web interface's build, on a host that pulls images: CI has built those without them."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.env.dotenv.checks import Finding
from fleet.env.dotenv.dotenv_file import EnvFile
from fleet.env.host.rendering import frontend_build
from fleet.env.variables.table import declared


def without_effect(values: Mapping[str, str], images_from: str) -> list[str]:
    """Return the names of values that reach no build; what equals the build's own default is not missed there.

    Args:
        values: those of an env file.
        images_from: the host's setting.
    """
    if images_from == "build":
        return []
    return [name for name, value in frontend_build(values).items() if value and value != declared(name).default]


def findings(file: EnvFile, images_from: str) -> list[Finding]:
    """Return a warning for each of them."""
    why = 'has no effect: the host pulls images that CI has built (images_from = "registry")'
    do = 'move it to build_arguments in the inventory, or let the host build: images_from = "build" there'
    return [Finding(False, name, file.lines.get(name, 0), why, do) for name in without_effect(file.values, images_from)]
