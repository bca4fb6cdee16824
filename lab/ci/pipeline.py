"""The application's CI: which images it makes of which commits, and which of them are still to be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.app import history
from lab.app.commits import BRANCH, EARLIER, NEVER_BUILT
from lab.ci.build import ARGUMENTS, Build
from lab.images.recipes import fingerprint
from lab.world import store
from lab.world.store import Offer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lab.ci.builder import Builder
    from lab.running import Running

# The images' names, as group_data/all.py has them, by the repository's name on GitHub.
IMAGES = {
    "krasterisk/aiPBX_backend": ("backend", "ghcr.io/krasterisk/aipbx_backend"),
    "krasterisk/aiPBX": ("frontend", "ghcr.io/krasterisk/aipbx"),
}


def builds(repositories: Mapping[str, Path], dockerfiles: Path, bases: Sequence[str], *, stories: bool) -> list[Build]:
    """Return what CI makes of the application's commits: an image of each one that can be built, or of a few.

    What an image is kept under does not depend on the lab: its authority only vouches for what a build downloads.

    Args:
        repositories: The application's bare repositories by their names on GitHub.
        dockerfiles: The folder that has a folder with a Dockerfile for each service.
        bases: The tags of the stand-in images from which they start.
        stories: Whether of every commit, or of the one that is deployed and one before it.
    """
    found = []
    for name, repository in repositories.items():
        arguments = ARGUMENTS[IMAGES[name][0]]
        named = history.commits(repository)
        wanted = named.keys() - {NEVER_BUILT} if stories else {EARLIER, BRANCH}
        for sha in dict.fromkeys(sha for commit, sha in named.items() if commit in wanted):
            found.append(build(name, repository, sha, dockerfiles, bases, arguments))
    return found


def build(
    name: str, repository: Path, sha: str, dockerfiles: Path, bases: Sequence[str], arguments: Mapping[str, str]
) -> Build:
    """Return what CI makes of one commit.

    Args:
        name: The repository's name on GitHub.
        repository: The bare repository with the commit.
        dockerfiles: The folder that has a folder with a Dockerfile for each service.
        bases: The tags of the stand-in images from which it starts.
        arguments: Build arguments by name, beside RELEASE.
    """
    service, image = IMAGES[name]
    mark = fingerprint(dockerfiles / service, sha, *bases, *(f"{key}={value}" for key, value in arguments.items()))
    return Build(service, repository, sha, Offer(f"{image}:{sha}", f"aipbx-lab/{service}:{mark}"), arguments)


def ensure(running: Running, wanted: Sequence[Build], builder: Builder) -> None:
    """Have the application's images in the registry: built once per machine, then copied.

    Args:
        running: The lab; its world has the images from which they start.
        wanted: The images.
        builder: Makes those that no lab of this machine has made yet.
    """
    world, steps = running.world, builder.steps
    lacking = {offer.reference for offer in store.lacking(world, [build.offer for build in wanted])}
    missing = [build for build in wanted if build.offer.reference in lacking]
    new = store.unkept(world, [build.offer for build in missing])
    if to_build := [build for build in missing if build.offer in new]:
        builder.make(running, to_build)
    if missing:
        with steps.step(f"application: {len(missing)} images in the registry"):
            store.ensure(world, [build.offer for build in missing])
