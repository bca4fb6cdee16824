"""Bringing a lab up and its hosts back to fresh: each step finds what is there and does what is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import engine, files, network, packages
from lab.authority import Authority, ensure_ssh_key
from lab.images import Images, Recipe, host_recipe
from lab.mirror import machine_mirror
from lab.running import Running, required
from lab.topology import HOSTS, SYSTEMS, Lab, host_specs
from lab.world import pins

if TYPE_CHECKING:
    from lab.host import Host
    from lab.machine import Machine
    from lab.mirror import Mirror
    from lab.progress import Steps

PYTHON = "docker.io/library/python:3.13-slim"


def recipes(lab: Lab, mirror: Mirror) -> list[Recipe]:
    """Return the images of a lab.

    Args:
        lab: Its checkout's group data says which Docker packages are offered.
        mirror: Where Debian's packages come from.
    """
    offered = pins.offered(pins.read_pins(lab.root / "group_data" / "all.py"))
    return [
        *(host_recipe(suite) for suite in SYSTEMS),
        Recipe("world", "world", "trixie", {"MIRROR": mirror.main, "DOCKER_PACKAGES": offered}),
        Recipe("client", "client", "trixie"),
        Recipe("python", "python", "trixie"),
    ]


def up(lab: Lab, steps: Steps) -> Running:
    """Bring the lab up: make what is missing, start what is off, change nothing that runs.

    Args:
        lab: The lab.
        steps: Shows what happens.

    Returns:
        The lab, every host of it ready.

    Raises:
        LabError: This machine cannot host it, or something failed.
    """
    if engine.find() is None:
        with steps.step("Docker engine"):
            docker = engine.ensure()
    else:
        docker = engine.ensure()
    mirror = machine_mirror()
    images = Images(docker, mirror, steps)
    wanted = recipes(lab, mirror)
    first = bool(images.missing(wanted))
    engine.refuse_disk(docker, first=first)
    if first and packages.can_install():
        packages.ensure_bootstrap()
    running = Running(docker, lab, network.ensure(docker, lab))
    workshop = _Workshop.of(running, images.build(wanted), steps)
    workshop.ensure_world(mirror)
    workshop.ensure_client()
    with ThreadPoolExecutor(max_workers=len(HOSTS)) as pool:
        list(pool.map(workshop.ensure_host, running.hosts))
    _write_files(running)
    return running


def reset(lab: Lab, name: str, steps: Steps) -> Running:
    """Make hosts anew, as a cloud delivers them.

    Args:
        lab: The lab, which must be up.
        name: A host's name, or ``all``.
        steps: Shows what happens.

    Raises:
        LabError: There is no such host, the lab is not up, or something failed.
    """
    specs = host_specs(name)
    running = required(lab)
    images = Images(running.docker, machine_mirror(), steps)
    workshop = _Workshop.of(running, images.build([host_recipe(suite) for suite in SYSTEMS]), steps)

    def one(host: Host) -> None:
        with steps.step(f"{host.name} as a fresh {SYSTEMS[host.spec.suite]}"):
            workshop.create_host(host)

    with ThreadPoolExecutor(max_workers=len(HOSTS)) as pool:
        list(pool.map(one, [running.host(spec.name) for spec in specs]))
    _write_files(running)
    return running


@dataclass(frozen=True)
class _Workshop:
    """What the machines of a lab are made with."""

    running: Running
    tags: dict[str, str]
    authority: Authority
    operator_key: str
    steps: Steps

    @classmethod
    def of(cls, running: Running, tags: dict[str, str], steps: Steps) -> _Workshop:
        """Make the lab's authority and the operator's key when they do not exist yet."""
        folder = running.lab.directory
        key = ensure_ssh_key(folder / "id_ed25519", folder / "operators" / "lab.pub", "lab")
        return cls(running, tags, Authority(folder / "ca"), key, steps)

    def ensure_world(self, mirror: Mirror) -> None:
        world = self.running.world
        if not self._up_to_date(world):
            with self.steps.step("world: DNS, registries, certificates, packages"):
                world.create(self.tags["world"], mirror, self.authority)
                world.wait_ready()
                # Its ACME authority has made itself a new root: who is up already trusts the old one.
                for machine in (self.running.client, *self.running.hosts):
                    if machine.state() == "running":
                        machine.trust(self._trusted())
        world.ensure_stand_ins({PYTHON: self.tags["python"]})

    def ensure_client(self) -> None:
        client = self.running.client
        if not self._up_to_date(client):
            with self.steps.step("client"):
                client.create(self.tags["client"], self._trusted())

    def ensure_host(self, host: Host) -> None:
        state = host.state()
        if state == "running":
            host.wait_ready()
        elif state == "exited":
            with self.steps.step(f"{host.name} switched on"):
                host.start()
                host.wait_ready()
                host.trust(self._trusted())
        else:
            with self.steps.step(f"{host.name}: {SYSTEMS[host.spec.suite]}"):
                self.create_host(host)

    def create_host(self, host: Host) -> None:
        host.create(self.tags[f"host-{host.spec.suite}"], self.operator_key, self._trusted())
        host.wait_ready()

    def _trusted(self) -> list[bytes]:
        return [self.authority.certificate.read_bytes(), self.running.world.acme_root()]

    def _up_to_date(self, machine: Machine) -> bool:
        docker = self.running.docker
        found = docker.inspect("container", machine.container)
        image = docker.inspect("image", self.tags[machine.name])
        return bool(found and image and found["State"]["Running"] and found["Image"] == image["Id"])


def _write_files(running: Running) -> None:
    facts = {
        "world": running.world.address4,
        "client": running.client.address4,
        "docker_apt_key_fingerprint": running.world.docker_key_fingerprint(),
    }
    files.write(running.lab, running.hosts, facts)
