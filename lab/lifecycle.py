"""Bringing a lab up and its hosts back to fresh: each step finds what is there and does what is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lab.access import files
from lab.app import history
from lab.engine import docker_engine, limits, network, packages
from lab.images.mirror import machine_mirror
from lab.images.recipes import Images, Recipe, host_recipe
from lab.images.stand_ins import stand_ins
from lab.machines import snapshots
from lab.machines.workshop import Workshop
from lab.running import Running, current, required
from lab.topology import HOSTS, SYSTEMS, Lab, host_specs
from lab.world import pins
from lab.world.repositories import ensure_repositories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.images.mirror import Mirror
    from lab.machines.host import Host
    from lab.progress import Steps
    from lab.topology import HostSpec


def recipes(lab: Lab, mirror: Mirror, architecture: str, *, stories: bool) -> list[Recipe]:
    """Return the images of a lab.

    Args:
        lab: Its checkout's group data says which Docker packages are offered.
        mirror: Where Debian's packages come from.
        architecture: Debian's name of the processor's architecture.
        stories: Whether also those that only stories need.
    """
    offered = pins.offered(pins.read_pins(lab.root / "group_data" / "all.py"))
    return [
        # The one that takes longest comes first: two are made at a time.
        Recipe("world", "world", "trixie", {"MIRROR": mirror.main, "DOCKER_PACKAGES": offered}),
        *(host_recipe(suite) for suite in reversed(SYSTEMS)),
        *([Recipe("client", "client", "trixie")] if stories else []),
        *(stand_in.recipe for stand_in in stand_ins(architecture, stories=stories)),
    ]


def up(lab: Lab, steps: Steps, specs: Sequence[HostSpec] = HOSTS, *, stories: bool = False) -> Running:
    """Bring the lab up: make what is missing, start what is off, change nothing that runs.

    Args:
        specs: The hosts that are wanted; others stay as they are.
        stories: Whether the lab also gets what only stories need: a machine outside, images of other databases and of
            every commit.

    Returns:
        The lab, every host that is wanted ready.

    Raises:
        LabError: This machine cannot host it, or something failed.
    """
    to_start = _hosts_to_start(lab, specs)
    limits.refuse_memory(to_start)
    limits.refuse_inotify(to_start)
    if docker_engine.find() is None:
        with steps.step("Docker engine"):
            docker = docker_engine.ensure()
    else:
        docker = docker_engine.ensure()
    mirror = machine_mirror()
    images = Images(docker, mirror, steps)
    wanted = recipes(lab, mirror, images.architecture, stories=stories)
    first = bool(images.missing(wanted))
    docker_engine.refuse_disk(docker, first=first)
    if first and packages.can_install():
        packages.ensure_bootstrap()
    running = Running(docker, lab, network.ensure(docker, lab))
    workshop = Workshop.of(running, images.build(wanted), steps, stories=stories)
    workshop.ensure_world(mirror)
    repositories = history.make(lab.directory / "repositories")
    ensure_repositories(running.world, repositories)
    if stories:
        workshop.ensure_client()

    def fill_registries() -> None:
        workshop.ensure_stand_ins(images)
        workshop.ensure_application(images, mirror, repositories)

    with ThreadPoolExecutor(max_workers=len(HOSTS) + 1) as pool:
        filled = pool.submit(fill_registries)
        list(pool.map(workshop.ensure_host, [running.host(spec.name) for spec in specs]))
        filled.result()
    _write_files(running)
    return running


def _hosts_to_start(lab: Lab, specs: Sequence[HostSpec]) -> int:
    there = current(lab)
    return sum(there.host(spec.name).state() != "running" for spec in specs) if there else len(specs)


def reset(lab: Lab, name: str, steps: Steps) -> Running:
    """Make hosts again, as a cloud delivers them.

    Args:
        lab: The lab, which must be up.
        name: A host's name, or ``all``.

    Raises:
        LabError: There is no such host, the lab is not up, or something failed.
    """
    specs = host_specs(name)
    running = required(lab)
    images = Images(running.docker, machine_mirror(), steps)
    workshop = Workshop.of(running, images.build([host_recipe(suite) for suite in SYSTEMS]), steps)

    def one(host: Host) -> None:
        with steps.step(f"{host.name} as a fresh {SYSTEMS[host.spec.suite]}"):
            workshop.create_host(host)

    with ThreadPoolExecutor(max_workers=len(HOSTS)) as pool:
        list(pool.map(one, [running.host(spec.name) for spec in specs]))
    _write_files(running)
    return running


def restore(lab: Lab, name: str, snapshot: str, steps: Steps) -> None:
    """Put a host back to a snapshot.

    Args:
        lab: The lab, which must be up.
        name: The host's name.
        snapshot: The snapshot's name; it exists.
    """
    running = required(lab)
    with steps.step(f"{name}: {snapshot}, from a snapshot"):
        snapshots.restore(running.host(name), snapshot, Workshop.of(running, {}, steps).trusted())
    _write_files(running)


def _write_files(running: Running) -> None:
    facts = {
        "world": running.world.address4,
        "client": running.client.address4,
        "docker_apt_key_fingerprint": running.world.docker_key_fingerprint(),
    }
    files.write(running, facts)
