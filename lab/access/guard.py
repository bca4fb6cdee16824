"""Keeps every demonstration, test and measurement inside the lab.

The hosts have the names of real domains: anyone who acts on them asks here first whether they lead to the lab.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramiko import SSHConfig

from lab.engine import docker_engine
from lab.errors import LabRefusedError
from lab.topology import Lab

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def require_lab_addresses(ssh_config: Path, hosts: Sequence[str]) -> None:
    """Refuse to continue unless every host leads to a running container of this checkout's lab.

    Args:
        ssh_config: The SSH configuration that is going to be used.
        hosts: The names that are going to be contacted.

    Raises:
        LabError: A name leads elsewhere, the file cannot be read, or the lab is not up.
    """
    lab = Lab.here()
    docker = docker_engine.find()
    running: dict[str, str] = {}
    if docker is not None:
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}{{.Name}}"
        names = docker.lines("ps", "--quiet", "--filter", f"label={lab.label}")
        if names:
            for line in docker.lines("inspect", "--format", template, *names):
                address, _, name = line.partition(" ")
                running[name.strip().removeprefix("/")] = address
    addresses = {name: running.get(lab.container(name), "") for name in hosts}
    refuse_strangers(resolved(ssh_config, hosts), addresses)


def resolved(ssh_config: Path, hosts: Sequence[str]) -> dict[str, str]:
    """Return the address to which an SSH configuration leads each host.

    Raises:
        LabError: The file cannot be read.
    """
    try:
        config = SSHConfig.from_path(str(ssh_config))
    except OSError as error:
        raise LabRefusedError(
            f"{ssh_config} cannot be read", str(error.strerror), "run inv lab.up: it writes .lab/ssh_config"
        ) from None
    return {name: str(config.lookup(name).get("hostname", name)) for name in hosts}


def refuse_strangers(given: Mapping[str, str], lab: Mapping[str, str]) -> None:
    """Refuse any host whose given address is not the lab's.

    Args:
        given: Address by host name, as it is going to be used.
        lab: Address by host name of the lab's running containers; empty when there is none.

    Raises:
        LabError: They differ.
    """
    for name, address in given.items():
        if not lab.get(name):
            raise LabRefusedError(
                f"{name} is not a running host of this lab",
                "nothing here may ever contact the real server of that name",
                "run inv lab.up, then try again",
            )
        if address != lab[name]:
            raise LabRefusedError(
                f"{name} leads to {address}, not into the lab",
                f"the lab's {name} has the address {lab[name]}",
                "use the lab's own configuration: .lab/ssh_config, as inv lab.up writes it",
            )
