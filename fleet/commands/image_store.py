"""Which images a host has, what uses them, and how much room there is where they lie."""

from __future__ import annotations

import shlex

# What is told of an image and of a container, in one line each, apart by `|`.
_IMAGE = "image|{{.Id}}|{{.Size}}|{{.Created}}|{{json .RepoTags}}"
_USED = "used|{{.Image}}|{{.Config.Image}}|{{.Name}}"


def listed(repositories: list[str]) -> str:
    """The command that prints the images of some repositories, and what every container of the host uses.

    It fails when Docker does not tell; a container that ends meanwhile is passed over.
    """
    named = "; ".join(f"docker image ls --quiet --no-trunc {shlex.quote(one)} || exit 1" for one in repositories)
    inspect = f'docker image inspect --format {shlex.quote(_IMAGE)} $(echo "$images" | sort -u)'
    return (
        f"images=$({named}) && containers=$(docker ps --all --quiet --no-trunc) || exit 1; "
        f'[ -z "$images" ] || {inspect} || exit 1; '
        f'[ -z "$containers" ] || docker inspect --format {shlex.quote(_USED)} $containers || true'
    )


def free() -> str:
    """The command that prints the bytes that are free where Docker keeps its images."""
    return "df -B1 --output=avail \"$(docker info --format '{{.DockerRootDir}}')\" | tail -n 1"
