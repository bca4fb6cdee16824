"""What the machines of a lab are made with: each is made, started or left as it is, and the registries are filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.access.authority import Authority, ensure_ssh_key
from lab.ci import pipeline
from lab.ci.builder import Builder
from lab.images import downloads
from lab.images.mirror import Sources
from lab.images.stand_ins import stand_ins
from lab.topology import SYSTEMS
from lab.world import store
from lab.world.store import Offer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lab.ci.build import Build
    from lab.images.mirror import Mirror
    from lab.images.recipes import Images
    from lab.machines.host import Host
    from lab.machines.machine import Machine
    from lab.progress import Steps
    from lab.running import Running


@dataclass(frozen=True)
class Workshop:
    """The lab's own files, and what it takes to make its machines.

    Args:
        tags: The tag of each image by its recipe's name.
        authority: The lab's certificate authority.
        operator_key: The public SSH key that root accepts.
        stories: Whether the lab has what only stories need.
    """

    running: Running
    tags: dict[str, str]
    authority: Authority
    operator_key: str
    steps: Steps
    stories: bool

    @classmethod
    def of(cls, running: Running, tags: dict[str, str], steps: Steps, *, stories: bool = False) -> Workshop:
        """Make the lab's authority and the operator's key when they do not exist yet."""
        folder = running.lab.directory
        key = ensure_ssh_key(folder / "id_ed25519", folder / "operators" / "lab.pub", "lab")
        return cls(running, tags, Authority(folder / "ca"), key, steps, stories)

    def ensure_world(self, mirror: Mirror) -> None:
        """Have the small internet up, made of the present image."""
        world = self.running.world
        if not self._up_to_date(world):
            with self.steps.step("world: DNS, registries, certificates, packages"):
                sources = Sources(mirror, downloads.npm_registry(), downloads.authorities())
                world.create(self.tags["world"], sources, self.authority, self.operator_key)
                world.wait_ready()
                # Its ACME authority has made itself a new root: who is up already trusts the old one.
                for machine in (self.running.client, *self.running.hosts):
                    if machine.state() == "running":
                        machine.trust(self.trusted())

    def ensure_stand_ins(self, images: Images) -> None:
        """Fill the world's registries."""
        authorities = b"".join(self.trusted())
        offers = [
            Offer(each.reference, self.tags[each.recipe.name], authorities if each.trusting else b"")
            for each in stand_ins(images.architecture, stories=self.stories)
        ]
        world = self.running.world
        if store.lacking(world, offers):
            with self.steps.step("images in the registries"):
                store.ensure(world, offers)

    def ensure_application(self, images: Images, mirror: Mirror, repositories: Mapping[str, Path]) -> None:
        """Have the application's images in the registry, as its CI does; the images they start from are there."""
        bases = self.application_bases
        wanted = pipeline.builds(repositories, self.dockerfiles, bases, stories=self.stories)
        self.ensure_builds(images, mirror, wanted)

    def ensure_builds(self, images: Images, mirror: Mirror, wanted: Sequence[Build]) -> None:
        """Have images of commits in the registry; the images they start from are there."""
        builder = Builder(images, mirror, self.dockerfiles, self.operator_key, self.trusted(), self.steps)
        pipeline.ensure(self.running, wanted, builder)

    @property
    def dockerfiles(self) -> Path:
        """The folder that has a folder with a Dockerfile for each service."""
        return self.running.lab.root / "files" / "images"

    @property
    def application_bases(self) -> list[str]:
        """The tags of the images from which the application's images start."""
        return [self.tags["node"], self.tags["nginx"]]

    def ensure_client(self) -> None:
        """Have the client up, made of the present image."""
        client = self.running.client
        if not self._up_to_date(client):
            with self.steps.step("client"):
                client.create(self.tags["client"], self.trusted())

    def ensure_host(self, host: Host) -> None:
        """Have a host up; one that exists stays as it is."""
        state = host.state()
        if state == "running":
            host.wait_ready()
        elif state == "exited":
            with self.steps.step(f"{host.name} switched on"):
                host.start()
                host.wait_ready()
                host.trust(self.trusted())
        else:
            with self.steps.step(f"{host.name}: {SYSTEMS[host.spec.suite]}"):
                self.create_host(host)

    def create_host(self, host: Host) -> None:
        """Make a host again, as a cloud delivers it."""
        host.create(self.tags[f"host-{host.spec.suite}"], self.operator_key, self.trusted())
        host.wait_ready()

    def trusted(self) -> list[bytes]:
        """Return the certificates of the authorities that every machine of the lab trusts."""
        return [self.authority.certificate.read_bytes(), self.running.world.acme_root()]

    def _up_to_date(self, machine: Machine) -> bool:
        docker = self.running.docker
        found = docker.inspect("container", machine.container)
        image = docker.inspect("image", self.tags[machine.name])
        return bool(found and image and found["State"]["Running"] and found["Image"] == image["Id"])
