"""The images of the lab: built once, kept in the engine under a hash of what they are made of."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lab.images import downloads, rootfs
from lab.topology import IMAGE_LABEL, SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.engine.docker import Docker
    from lab.images.mirror import Mirror
    from lab.progress import Steps

CONTEXTS = Path(__file__).parent
BUILD_TIMEOUT = 1200


@dataclass(frozen=True)
class Recipe:
    """How one image is built.

    Args:
        name: The image's name; several images may share a folder.
        folder: The folder below ``lab/images`` with its Dockerfile.
        suite: The Debian release that it starts from.
        arguments: Build arguments by name.
        python: The version of Python that the wheels which the folder lists are for.
    """

    name: str
    folder: str
    suite: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    python: str = "3.13"


def host_recipe(suite: str) -> Recipe:
    """Return how the image of a host with that Debian release is built."""
    return Recipe(f"host-{suite}", "host", suite, {"SUITE": suite})


def fingerprint(folder: Path, *inputs: str) -> str:
    """Return a short hash of a folder's files (names, modes, bytes) and of further inputs."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder)}\0{file.stat().st_mode & 0o111}\0".encode())
        digest.update(file.read_bytes())
    for text in inputs:
        digest.update(b"\0" + text.encode())
    return digest.hexdigest()[:12]


def image_tag(recipe: Recipe, bases: Mapping[str, str]) -> str:
    """Return the tag under which a recipe's image is kept.

    Args:
        bases: The base image's tag of each Debian release.
    """
    arguments = (f"{name}={value}" for name, value in sorted(recipe.arguments.items()))
    mark = fingerprint(CONTEXTS / recipe.folder, *bases.values(), *arguments, recipe.python)
    return f"aipbx-lab/{recipe.name}:{mark}"


def build_command(recipe: Recipe, tag: str, bases: Mapping[str, str], context: Path) -> list[str]:
    """Return docker's arguments that build a recipe's image.

    Args:
        tag: The tag that it gets.
        bases: The base image's tag of each Debian release.
        context: The folder with its Dockerfile.
    """
    arguments = {"BASE": bases[recipe.suite]} | dict(recipe.arguments)
    given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    # The build uses the machine's own network: an engine without a default bridge builds as well.
    command = ["build", "--quiet", "--network", "host", "--label", f"{IMAGE_LABEL}={recipe.name}", *given]
    return [*command, "--tag", tag, str(context)]


class Images:
    """Builds what is missing, each image once, several at the same time."""

    def __init__(self, docker: Docker, mirror: Mirror, steps: Steps) -> None:
        """Ask the engine for its architecture, on which the images depend.

        Args:
            docker: The engine that keeps the images.
            mirror: Where Debian's packages come from.
            steps: Shows what is being built.
        """
        self._docker = docker
        self._mirror = mirror
        self._steps = steps
        self.architecture = docker.run("version", "--format", "{{.Server.Arch}}").strip()
        self.bases = {suite: rootfs.base_tag(suite, self.architecture) for suite in SYSTEMS}
        self._locks = {suite: threading.Lock() for suite in SYSTEMS}

    def exists(self, tag: str) -> bool:
        """Say whether the engine has an image with that tag."""
        return self._docker.inspect("image", tag) is not None

    def tag(self, recipe: Recipe) -> str:
        """Return the tag of a recipe's image."""
        return image_tag(recipe, self.bases)

    def missing(self, recipes: list[Recipe]) -> list[Recipe]:
        """Return the recipes whose image is not there yet."""
        return [recipe for recipe in recipes if not self.exists(self.tag(recipe))]

    def build(self, recipes: list[Recipe]) -> dict[str, str]:
        """Build the images that are not there yet, and return every recipe's tag by its name."""
        missing = self.missing(recipes)
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(self._build, missing))
        return {recipe.name: self.tag(recipe) for recipe in recipes}

    def _build(self, recipe: Recipe) -> None:
        suite = recipe.suite
        with self._locks[suite]:
            if not self.exists(self.bases[suite]):
                with self._steps.step(f"root file system of {SYSTEMS[suite]}"):
                    rootfs.make(self._docker, self.bases[suite], suite, self.architecture, self._mirror)
        # Downloads may be too big for a /tmp that is kept in memory.
        with (
            self._steps.step(f"image {recipe.name}"),
            tempfile.TemporaryDirectory(prefix="aipbx-lab-", dir="/var/tmp") as temporary,
        ):
            context = Path(shutil.copytree(CONTEXTS / recipe.folder, Path(temporary, recipe.folder)))
            downloads.fetch(CONTEXTS / recipe.folder, context, self.architecture, recipe.python)
            self._docker.run(*build_command(recipe, self.tag(recipe), self.bases, context), timeout=BUILD_TIMEOUT)
