"""Bringing a lab up and its hosts back to fresh: each step finds what is there and does what is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lab import engine, files, network, packages
from lab.authority import Authority, ensure_ssh_key
from lab.images import Images, Recipe, host_recipe
from lab.mirror import machine_mirror
from lab.running import Running, required
from lab.topology import HOSTS, SYSTEMS, Lab, host_specs
from lab.world import pins

if TYPE_CHECKING:
    from lab.docker import Docker
    from lab.host import Host
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
    kitchen = Images(docker, mirror, steps)
    wanted = recipes(lab, mirror)
    first = bool(kitchen.missing(wanted))
    engine.refuse_disk(docker, first=first)
    if first and packages.can_install():
        packages.ensure_bootstrap()
    tags = kitchen.build(wanted)
    running = Running(docker, lab, network.ensure(docker, lab))
    authority = Authority(lab.directory / "ca")
    _world_up(running, tags, mirror, authority, steps)
    _client_up(running, tags, authority, steps)
    with ThreadPoolExecutor(max_workers=len(HOSTS)) as pool:
        list(pool.map(lambda host: _host_up(running, host, tags, authority, steps), running.hosts))
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
    mirror = machine_mirror()
    kitchen = Images(running.docker, mirror, steps)
    tags = kitchen.build([host_recipe(suite) for suite in SYSTEMS])
    authority = Authority(lab.directory / "ca")

    def one(host: Host) -> None:
        with steps.step(f"{host.name} as a fresh {SYSTEMS[host.spec.suite]}"):
            _create(running, host, tags, authority)

    with ThreadPoolExecutor(max_workers=len(HOSTS)) as pool:
        list(pool.map(one, [running.host(spec.name) for spec in specs]))
    _write_files(running)
    return running


def _world_up(
    running: Running, tags: dict[str, str], mirror: Mirror, authority: Authority, steps: Steps
) -> None:
    world = running.world
    if not _up_to_date(running.docker, world.container, tags["world"]):
        with steps.step("world: DNS, registries, certificates, packages"):
            world.create(tags["world"], mirror, authority)
            world.wait_ready()
            if running.client.state() == "running":
                running.client.trust(_authorities(running, authority))
    world.ensure_stand_ins({PYTHON: tags["python"]})


def _client_up(running: Running, tags: dict[str, str], authority: Authority, steps: Steps) -> None:
    if not _up_to_date(running.docker, running.client.container, tags["client"]):
        with steps.step("client"):
            running.client.create(tags["client"], _authorities(running, authority))


def _host_up(running: Running, host: Host, tags: dict[str, str], authority: Authority, steps: Steps) -> None:
    state = host.state()
    if state == "running":
        host.wait_ready()
    elif state == "exited":
        with steps.step(f"{host.name} switched on"):
            host.start()
            host.wait_ready()
    else:
        with steps.step(f"{host.name}: {SYSTEMS[host.spec.suite]}"):
            _create(running, host, tags, authority)


def _create(running: Running, host: Host, tags: dict[str, str], authority: Authority) -> None:
    directory = running.lab.directory
    key = ensure_ssh_key(directory / "id_ed25519", directory / "operators" / "lab.pub", "lab")
    host.create(tags[f"host-{host.spec.suite}"], key, _authorities(running, authority))
    host.wait_ready()


def _authorities(running: Running, authority: Authority) -> list[bytes]:
    return [authority.certificate.read_bytes(), running.world.acme_root()]


def _up_to_date(docker: Docker, container: str, tag: str) -> bool:
    found = docker.inspect("container", container)
    image = docker.inspect("image", tag)
    return bool(found and image and found["State"]["Running"] and found["Image"] == image["Id"])


def _write_files(running: Running) -> None:
    facts = {
        "world": running.world.address4,
        "client": running.client.address4,
        "docker_apt_key_fingerprint": running.world.docker_key_fingerprint(),
    }
    files.write(running.lab, running.hosts, facts)
