"""An image that the application's CI makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.world.store import Offer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The stand-in needs neither ffmpeg nor a browser that writes its pages as HTML.
ARGUMENTS = {"backend": {"RUNTIME_PACKAGES": ""}, "frontend": {"PRERENDER_PACKAGES": ""}}


@dataclass(frozen=True)
class Build:
    """An image that CI makes.

    Args:
        service: ``backend`` or ``frontend``.
        repository: The bare repository with its source.
        offer: Under which name the image is offered, and what it is made of.
        arguments: Build arguments by name, beside RELEASE.
    """

    service: str
    repository: Path
    sha: str
    offer: Offer
    arguments: Mapping[str, str]
