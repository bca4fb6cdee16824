"""What is in a lab, under which names and at which addresses: plain data, no I/O."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from lab.errors import LabRefusedError

LABEL = "net.aipbx.lab"
IMAGE_LABEL = "net.aipbx.lab.image"

SYSTEMS = {"trixie": "Debian 13 (trixie)", "bookworm": "Debian 12 (bookworm)"}

# Addresses that RFC 5737 and RFC 3849 keep for documentation. Private ones would hide a hole: firewall
# rules that let every private source through would read as "works" here.
_IPV4 = IPv4Network("198.51.100.0/24")
_IPV6 = IPv6Network("2001:db8::/48")
SLOTS = 8

WORLD_NUMBER = 2
CLIENT_NUMBER = 3


@dataclass(frozen=True)
class HostSpec:
    """One host of the fleet as the lab builds it.

    Args:
        name: Its domain.
        suite: The Debian release that it runs.
        number: Its place in the lab's subnet.
    """

    name: str
    suite: str
    number: int


HOSTS = (
    HostSpec("aipbx.net", "trixie", 11),
    HostSpec("aipbx.org", "trixie", 12),
    HostSpec("aipbx.ru", "bookworm", 13),
)


def host_spec(name: str) -> HostSpec:
    """Return the host of that name.

    Raises:
        LabError: There is no such host; the message proposes the nearest one.
    """
    names = [spec.name for spec in HOSTS]
    for spec in HOSTS:
        if spec.name == name:
            return spec
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    raise LabRefusedError(
        f"there is no lab host named {name!r}" + (f": did you mean {near[0]}?" if near else ""),
        f"the lab has {', '.join(names)}",
        "give one of these names, or all",
    )


def host_specs(names: str) -> tuple[HostSpec, ...]:
    """Return the hosts of these names (several with commas), or every host for ``all``.

    Raises:
        LabError: There is no such host.
    """
    return HOSTS if names == "all" else tuple(dict.fromkeys(host_spec(name.strip()) for name in names.split(",")))


def wanted_specs(text: str) -> tuple[HostSpec, ...]:
    """Return the hosts that an operator wants up.

    Args:
        text: How many, counted in the inventory's order, or names as :func:`host_specs` takes them.

    Raises:
        LabError: There is no such host, or not that many.
    """
    if not re.fullmatch("-?[0-9]+", text):
        return host_specs(text)
    if not 1 <= int(text) <= len(HOSTS):
        raise LabRefusedError(
            f"a lab cannot have {text} hosts",
            f"it has {', '.join(spec.name for spec in HOSTS)}",
            f"give a number from 1 to {len(HOSTS)}, or names with commas between them",
        )
    return HOSTS[: int(text)]


@dataclass(frozen=True)
class Subnet:
    """The addresses of one lab; several labs on one machine have different slots.

    Args:
        slot: 0 to 7.
    """

    slot: int

    @property
    def ipv4(self) -> IPv4Network:
        """The lab's IPv4 network."""
        return list(_IPV4.subnets(new_prefix=27))[self.slot]

    @property
    def ipv6(self) -> IPv6Network:
        """The lab's IPv6 network."""
        return IPv6Network((int(_IPV6.network_address) + (self.slot << 64), 64))

    def address4(self, number: int) -> IPv4Address:
        """Return the IPv4 address with that number in the subnet."""
        return self.ipv4[number]

    def address6(self, number: int) -> IPv6Address:
        """Return the IPv6 address with that number in the subnet."""
        return self.ipv6[number]


@dataclass(frozen=True)
class Lab:
    """One checkout's lab: every name that it uses.

    Args:
        root: The checkout.
        name: Which of its labs, as ``AIPBX_LAB`` says; empty: the one that it usually has.
    """

    root: Path
    name: str = ""

    @property
    def id(self) -> str:
        """A short name that differs between two checkouts on one machine."""
        import hashlib  # it loads OpenSSL, and `inv --list` names no lab

        return hashlib.sha256(f"{self.root}{self.name}".encode()).hexdigest()[:8]

    @property
    def label(self) -> str:
        """The label of everything that this lab makes."""
        return f"{LABEL}={self.id}"

    @property
    def network(self) -> str:
        """The name of the network."""
        return f"aipbx-lab-{self.id}"

    @property
    def bridge(self) -> str:
        """The name of the bridge on the machine: 15 characters at most."""
        return f"lab-{self.id}"

    @property
    def directory(self) -> Path:
        """Where the lab keeps its files: git ignores it."""
        return self.root / (f".lab-{self.name}" if self.name else ".lab")

    def container(self, name: str) -> str:
        """Return the container's name for a host, ``world`` or ``client``."""
        return f"{self.network}-{name}"

    def volume(self, name: str) -> str:
        """Return the volume's name for what it holds."""
        return f"{self.network}-{name}"

    @classmethod
    def here(cls) -> Lab:
        """Return the lab of the checkout that this file belongs to.

        Raises:
            LabError: ``AIPBX_LAB`` is no name.
        """
        name = os.environ.get("AIPBX_LAB", "")
        if not re.fullmatch("[a-z0-9]{0,16}", name):
            raise LabRefusedError(
                f"AIPBX_LAB is {name!r}", "it names a folder: small letters and digits, 16 at most", "unset AIPBX_LAB"
            )
        return cls(Path(__file__).resolve().parent.parent, name)
