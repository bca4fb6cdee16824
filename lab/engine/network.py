"""The lab's network: one bridge, IPv4 and IPv6, with addresses that no other lab has."""

from __future__ import annotations

import json
import sys
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.topology import SLOTS, Lab, Subnet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.engine.docker import Docker


def create_command(lab: Lab, subnet: Subnet) -> list[str]:
    """Return docker's arguments that create the lab's network."""
    command = ["network", "create", "--driver", "bridge", "--label", lab.label]
    command += ["--opt", f"com.docker.network.bridge.name={lab.bridge}"]
    command += ["--ipv6", "--subnet", str(subnet.ipv4), "--gateway", str(subnet.ipv4[1])]
    return [*command, "--subnet", str(subnet.ipv6), "--gateway", str(subnet.ipv6[1]), lab.network]


def free_slots(lab: Lab, taken: Iterable[str]) -> list[int]:
    """Return the slots that a new lab may use, its favourite first.

    Args:
        lab: The lab: two labs prefer different slots.
        taken: The subnets that are in use on this machine already.
    """
    networks = [ip_network(subnet, strict=False) for subnet in taken]
    preferred = int(lab.id, 16) % SLOTS
    slots = [(preferred + step) % SLOTS for step in range(SLOTS)]
    return [
        slot
        for slot in slots
        if not any(
            (net.version == 4 and net.overlaps(Subnet(slot).ipv4))
            or (net.version == 6 and net.overlaps(Subnet(slot).ipv6))
            for net in networks
        )
    ]


def routed(table: str) -> list[str]:
    """Return the IPv4 networks that the kernel's routing table knows, apart from the default route.

    A machine may itself live in a documentation range, and a second network there would cut it off.

    Args:
        table: The text of ``/proc/net/route``.
    """
    networks = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        destination, mask = (IPv4Address(int(fields[column], 16).to_bytes(4, sys.byteorder)) for column in (1, 7))
        if int(mask):
            networks.append(f"{destination}/{mask}")
    return networks


def find(docker: Docker, lab: Lab) -> Subnet | None:
    """Return the addresses of the lab's network, or None when it does not exist."""
    found = docker.inspect("network", lab.network)
    if found is None:
        return None
    subnets = {config["Subnet"] for config in found["IPAM"]["Config"]}
    for slot in range(SLOTS):
        if str(Subnet(slot).ipv4) in subnets:
            return Subnet(slot)
    raise LabError(
        f"the network {lab.network} is not as the lab makes it",
        f"its subnets are {', '.join(sorted(subnets))}",
        f"remove it with docker network rm {lab.network}, then run inv lab.up",
    )


def ensure(docker: Docker, lab: Lab) -> Subnet:
    """Create the lab's network when it does not exist, and return its addresses.

    Raises:
        LabError: No addresses are free, or the engine refused.
    """
    existing = find(docker, lab)
    if existing is not None:
        return existing
    taken = [*_taken(docker), *routed(Path("/proc/net/route").read_text())]
    for slot in free_slots(lab, taken):
        done = docker.try_run(*create_command(lab, Subnet(slot)))
        if done.returncode == 0:
            return Subnet(slot)
        # Another lab that starts at the same moment may have taken the slot since.
        if "overlap" not in done.stderr:
            raise LabError(
                "the lab's network could not be made",
                done.stderr.strip(),
                "the engine needs bridges, iptables and IPv6: look at its log",
            )
    raise LabError(
        "there is no room for one more lab",
        f"{SLOTS} labs fit on one machine, and all their addresses are in use",
        "run inv lab.down in a checkout whose lab is not needed",
    )


def _taken(docker: Docker) -> list[str]:
    names = docker.lines("network", "ls", "--quiet")
    networks = json.loads(docker.run("network", "inspect", *names)) if names else []
    return [config["Subnet"] for network in networks for config in network["IPAM"]["Config"] or []]
