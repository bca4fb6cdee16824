"""Snapshots of hosts, as a hypervisor takes them: a host's disk at one moment, to which it comes back in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.machines.host import docker_volume, network_files
from lab.topology import LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.machines.host import Host
    from lab.topology import Lab

_MARK = f"{LABEL}.snapshot"
_TIMEOUT = 600
# What it takes to copy another engine's data as they are: owners, devices, attributes.
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP", "SYS_ADMIN")


def image(host: Host, name: str) -> str:
    """Return the tag of the image that holds a snapshot's root file system."""
    return f"{host.container}:{name}"


def volume(host: Host, name: str) -> str:
    """Return the volume that holds a snapshot of a host's own Docker data."""
    return f"{docker_volume(host.lab, host.spec)}-{name}"


def exists(host: Host, name: str, mark: str) -> bool:
    """Say whether a host has a snapshot.

    Args:
        name: The snapshot's name: small letters, digits and dashes.
        mark: What it was made of; one with another mark does not count.
    """
    found = host.docker.inspect("image", image(host, name))
    return found is not None and found["Config"]["Labels"].get(_MARK) == mark


def take(host: Host, name: str, mark: str) -> None:
    """Take a snapshot of a host that runs, in place of an earlier one; the host stands still meanwhile.

    What comes back is a host after a power failure at that moment. Like the host, the snapshot belongs to its lab.

    Args:
        name: The snapshot's name.
        mark: What the host was made of.
    """
    docker = host.docker
    docker.run("pause", host.container)
    try:
        _copy(host, docker_volume(host.lab, host.spec), volume(host, name))
        # The image comes last: with it, the snapshot exists. It inherits the label of the host's lab.
        labelled = f"LABEL {_MARK}={mark}"
        arguments = ("--pause=false", "--change", labelled, host.container, image(host, name))
        docker.run("commit", *arguments, timeout=_TIMEOUT)
    finally:
        docker.run("unpause", host.container)
    docker.run("image", "prune", "--force", "--filter", f"label={host.lab.label}")


def restore(host: Host, name: str, authorities: Sequence[bytes]) -> None:
    """Put a host back to a snapshot, with its addresses and keys, and wait until it has booted.

    Args:
        name: The snapshot's name.
        authorities: Certificates that it trusts now, as PEM.
    """
    host.remove()
    _copy(host, volume(host, name), docker_volume(host.lab, host.spec))
    host.make(image(host, name))
    host.put(network_files(host.spec, host.subnet))
    host.start()
    host.wait_ready()
    host.trust(authorities)


def copy_command(lab: Lab, image: str, source: str, target: str) -> list[str]:
    """Return docker's arguments that copy a volume of a host's Docker data into an empty one.

    Args:
        image: An image that has ``cp``.
        source: The volume that is read.
        target: The volume that is written.
    """
    command = ["run", "--rm", "--label", lab.label, "--network", "none", "--cap-drop", "ALL"]
    command += [word for name in _CAPABILITIES for word in ("--cap-add", name)]
    command += ["--mount", f"type=volume,source={source},target=/from,readonly"]
    command += ["--mount", f"type=volume,source={target},target=/to"]
    return [*command, "--entrypoint", "cp", image, "--archive", "/from/.", "/to/"]


def _copy(host: Host, source: str, target: str) -> None:
    docker, lab = host.docker, host.lab
    docker.run("volume", "rm", "--force", target, timeout=_TIMEOUT)
    docker.run("volume", "create", "--label", lab.label, target)
    own = docker.run("container", "inspect", "--format", "{{.Image}}", lab.container("world")).strip()
    docker.run(*copy_command(lab, own, source, target), timeout=_TIMEOUT)
