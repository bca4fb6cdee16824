"""A runner of GitHub's in the lab: it carries out workflows by `act`, with a Docker engine of its own."""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.ci import builder
from lab.images.recipes import Recipe
from lab.machines.host import Host, options
from lab.machines.machine import create_command
from lab.topology import HostSpec

if TYPE_CHECKING:
    from lab.images.mirror import Mirror
    from lab.images.recipes import Images
    from lab.machines.workshop import Workshop

MACHINE = HostSpec("runner", "trixie", 5)
# This checkout's: the workflow finds it made, as nothing is downloaded in a lab.
ENVIRONMENT = Path(sys.prefix).resolve()


def python() -> list[Path]:
    """Return what the environment's Python is made of: at the same places on the runner."""
    base = Path(sys.base_prefix).resolve()
    # The system's own shares its folder with all else.
    own = [Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))] if base == Path("/usr") else [base]
    return [ENVIRONMENT, *own]


def recipes(images: Images, mirror: Mirror) -> list[Recipe]:
    """Return how its image is built, and first the one that it starts from.

    Args:
        images: Knows the host's image.
        mirror: Where Debian's packages come from.
    """
    base = builder.recipe(images, mirror)
    return [base, Recipe(MACHINE.name, MACHINE.name, MACHINE.suite, {**base.arguments, "BASE": images.tag(base)})]


@dataclass(frozen=True)
class Runner(Host):
    """A machine that has this checkout's environment, and act in it."""

    def make(self, image: str) -> None:
        """Make its container from an image, switched off."""
        given = options(self.lab, self.spec)
        given += [word for path in python() for word in ("--volume", f"{path}:{path}:ro")]
        self.docker.run(*create_command(self.lab, self.name, self.subnet, self.number, given, image))


def create(workshop: Workshop, images: Images, mirror: Mirror) -> Runner:
    """Make a runner again, and switch it on.

    Args:
        workshop: Knows whom it trusts.
        images: Makes its image.
        mirror: Where Debian's packages come from.
    """
    running = workshop.running
    machine = Runner(running.docker, running.lab, running.subnet, MACHINE)
    base, own = recipes(images, mirror)
    images.build([base])
    tag = images.build([own])[own.name]
    with workshop.steps.step(MACHINE.name):
        machine.create(tag, workshop.operator_key, workshop.trusted())
        # The environment's may be of another Debian than the runner.
        if (program := python()[1]).parent == Path("/usr/bin"):
            machine.run(f"ln -sf {program.name} /usr/bin/python3")
        machine.wait_ready()
    return machine
