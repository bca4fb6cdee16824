"""A lab that is up: its machines, and what state they are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.engine import docker_engine, network
from lab.errors import LabRefusedError
from lab.machines.client import Client
from lab.machines.host import Host
from lab.topology import HOSTS, SYSTEMS, Lab, host_spec
from lab.world.container import World

if TYPE_CHECKING:
    from lab.engine.docker import Docker
    from lab.machines.machine import Machine
    from lab.topology import Subnet


@dataclass(frozen=True)
class Running:
    """A lab that is up.

    Args:
        subnet: Its addresses.
    """

    docker: Docker
    lab: Lab
    subnet: Subnet

    @property
    def hosts(self) -> list[Host]:
        """Its hosts."""
        return [Host(self.docker, self.lab, self.subnet, spec) for spec in HOSTS]

    @property
    def running_hosts(self) -> list[Host]:
        """Those that are switched on."""
        return [host for host in self.hosts if host.state() == "running"]

    @property
    def world(self) -> World:
        """Its small internet."""
        return World(self.docker, self.lab, self.subnet)

    @property
    def client(self) -> Client:
        """Its machine outside the hosts."""
        return Client(self.docker, self.lab, self.subnet)

    def host(self, name: str) -> Host:
        """Return the host of that name.

        Raises:
            LabError: There is no such host.
        """
        return Host(self.docker, self.lab, self.subnet, host_spec(name))


def current(lab: Lab) -> Running | None:
    """Return the lab when it is up on an engine that answers, else None."""
    docker = docker_engine.find()
    subnet = network.find(docker, lab) if docker else None
    return Running(docker, lab, subnet) if docker and subnet else None


def required(lab: Lab) -> Running:
    """Return the lab, which must be up.

    Raises:
        LabError: It is not.
    """
    running = current(lab)
    if running is None:
        raise LabRefusedError(
            "the lab is not up", "no Docker engine here has the network of this checkout's lab", "run inv lab.up"
        )
    return running


def status(lab: Lab) -> list[dict[str, str]]:
    """Return one row for each machine of the lab: name, ipv4, ipv6, system, state.

    Addresses are empty while the lab is down.
    """
    running = current(lab)
    if running is None:
        return [
            {"name": spec.name, "ipv4": "", "ipv6": "", "system": SYSTEMS[spec.suite], "state": "absent"}
            for spec in HOSTS
        ]
    machines: list[tuple[Machine, str]] = [(host, SYSTEMS[host.spec.suite]) for host in running.hosts]
    machines += [(running.world, "the small internet"), (running.client, "a machine outside")]
    return [
        {
            "name": machine.name,
            "ipv4": machine.address4,
            "ipv6": machine.address6,
            "system": system,
            "state": machine.state(),
        }
        for machine, system in machines
    ]
