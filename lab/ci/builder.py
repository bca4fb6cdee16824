"""The machine on which the application's CI builds: it exists only while there is something to build."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import process
from lab.ci.build import ARGUMENTS
from lab.images.recipes import Recipe, host_recipe
from lab.machines.archive import Seed
from lab.machines.host import Host
from lab.topology import HostSpec
from lab.world import store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.ci.build import Build
    from lab.images.mirror import Mirror
    from lab.images.recipes import Images
    from lab.progress import Steps
    from lab.running import Running

MACHINE = HostSpec("builder", "trixie", 4)
# What a deploy gives a build on a host: the real frontend takes up to 16 minutes on two busy processors.
_BUILD_SECONDS = 3600


def recipe(images: Images, mirror: Mirror) -> Recipe:
    """Return how the builder's image is built.

    Args:
        images: Knows the host's image, from which it starts.
        mirror: Where Debian's packages come from.
    """
    arguments = {"BASE": images.tag(host_recipe(MACHINE.suite)), "MIRROR": mirror.main}
    return Recipe(MACHINE.name, MACHINE.name, MACHINE.suite, arguments)


def build_command(build: Build) -> str:
    """Return the builder's command that builds an image from the source on its standard input, and pushes it."""
    source, own = f"/root/source/{build.service}", f"/root/images/{build.service}"
    arguments = {"RELEASE": build.sha} | dict(build.arguments)
    words = ["docker", "build", "--quiet", "--file", f"{own}/Dockerfile", "--build-context", f"image={own}"]
    words += [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    words += ["--tag", build.offer.reference, source]
    return (
        f"rm -rf {source} && mkdir -p {source} && tar -x -C {source} && {shlex.join(words)} && "
        f"docker push --quiet {build.offer.reference}"
    )


@dataclass(frozen=True)
class Builder:
    """A machine that exists only while there is something to build.

    Args:
        images: Makes its image.
        mirror: Where Debian's packages come from.
        dockerfiles: The folder that has a folder with a Dockerfile for each service.
        operator_key: The public SSH key that its root accepts.
        authorities: Certificates that it trusts, as PEM.
        steps: Shows what it does.
    """

    images: Images
    mirror: Mirror
    dockerfiles: Path
    operator_key: str
    authorities: Sequence[bytes]
    steps: Steps

    def make(self, running: Running, wanted: Sequence[Build]) -> None:
        """Build images, push them, and keep them.

        Args:
            wanted: The images.

        Raises:
            LabError: An image cannot be built or pushed.
        """
        own = recipe(self.images, self.mirror)
        image = self.images.build([own])[own.name]
        machine = Host(running.docker, running.lab, running.subnet, MACHINE)
        try:
            with self.steps.step("builder"):
                machine.create(image, self.operator_key, self.authorities)
                machine.wait_ready()
                machine.put(_seeds(self.dockerfiles))
            by_service = [[build for build in wanted if build.service == service] for service in ARGUMENTS]
            with ThreadPoolExecutor(max_workers=len(by_service)) as pool:
                list(pool.map(lambda some: self._build(running, machine, some), by_service))
        finally:
            machine.remove()

    def _build(self, running: Running, machine: Host, wanted: Sequence[Build]) -> None:
        for number, build in enumerate(wanted, start=1):
            with self.steps.step(f"{build.service} {build.sha[:12]} built and pushed ({number} of {len(wanted)})"):
                machine.run(build_command(build), _BUILD_SECONDS, stdin=_source(build))
                store.keep(running.world, build.offer)


def _seeds(dockerfiles: Path) -> list[Seed]:
    return [
        Seed(f"/root/images/{file.relative_to(dockerfiles)}", file.read_bytes())
        for file in sorted(dockerfiles.rglob("*"))
        if file.is_file()
    ]


def _source(build: Build) -> bytes:
    argv = ["git", "-C", str(build.repository), "archive", build.sha]
    what = f"there is no source of the {build.service} at {build.sha}"
    return process.run(argv, 60, f"look at {build.repository}", what=what)
