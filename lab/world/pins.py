"""Which versions the stand-in for Docker's apt repository offers: what production pins, and neighbours."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PINS = "docker_packages"
# Packages that also come one version older and one newer, so that a pin can be seen to hold.
_WITH_NEIGHBOURS = ("docker-ce", "docker-ce-cli")
_VERSION = re.compile(r"^(?P<epoch>\d+:)?(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)(?P<revision>-\S+)?$")


def read_pins(group_data: Path) -> dict[str, str]:
    """Return version by package, as group data pins them.

    Args:
        group_data: The file with the fleet's defaults; only its literals are read.

    Raises:
        ValueError: It pins no Docker packages.
    """
    for node in ast.parse(group_data.read_text()).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == _PINS for target in targets):
            pins: dict[str, str] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            return pins
    raise ValueError(f"{group_data} has no {_PINS}")


def neighbours(version: str) -> tuple[str, str]:
    """Return a version that is a little older, and one that is a little newer.

    Raises:
        ValueError: The version is not of the form ``5:28.5.2-1``.
    """
    match = _VERSION.match(version)
    if match is None:
        raise ValueError(f"{version!r} is not of the form 5:28.5.2-1")
    major, minor, patch = (int(match[part]) for part in ("major", "minor", "patch"))
    if patch:
        older = (major, minor, patch - 1)
    elif minor:
        older = (major, minor - 1, 9)
    else:
        older = (major - 1, 9, 9)
    newer = (major, minor + 1, 0)
    epoch, revision = match["epoch"] or "", match["revision"] or ""
    first, second = (f"{epoch}{'.'.join(map(str, numbers))}{revision}" for numbers in (older, newer))
    return first, second


def offered(pins: Mapping[str, str]) -> str:
    """Return what the repository offers, in the form that ``docker-packages`` takes.

    Args:
        pins: Version by package; Docker's own ending (``~debian.13~trixie``) may be left out.
    """
    entries = []
    for package, pinned in pins.items():
        version = pinned.split("~")[0]
        versions = [version, *(neighbours(version) if package in _WITH_NEIGHBOURS else ())]
        entries += [f"{package}={each}" for each in versions]
    return " ".join(entries)
