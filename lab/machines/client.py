"""The client: a machine outside the hosts, from which the lab checks them as the internet does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.errors import LabRefusedError
from lab.machines.machine import Machine, create_command
from lab.topology import CLIENT_NUMBER, HOSTS, WORLD_NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

_PORT = re.compile(r"^(\d+)/tcp\s+(\S+)", re.MULTILINE)


def scan_command(address: str, ports: str) -> str:
    """Return the command that scans one address.

    Args:
        address: An IPv4 or IPv6 address.
        ports: Ports as nmap writes them: ``22,80,443`` or ``1-65535``.
    """
    family = "-6 " if ":" in address else ""
    # The hosts are one hop away: a dropped packet means closed by a firewall, not lost on the way.
    return f"nmap {family}-sS -Pn -n --max-retries 1 --min-rate 2000 -p {ports} {address}"


def port_states(output: str) -> dict[int, str]:
    """Return the state of each port that a scan lists, in nmap's words."""
    return {int(port): state for port, state in _PORT.findall(output)}


class Client(Machine):
    """A machine outside the hosts."""

    name = "client"
    number = CLIENT_NUMBER

    def create(self, image: str, authorities: Sequence[bytes]) -> None:
        """Make the client again from its image, and switch it on.

        Args:
            image: The image's tag.
            authorities: Certificates that it trusts, as PEM.
        """
        self.remove()
        given = ["--dns", str(self.subnet.address4(WORLD_NUMBER)), "--cap-add", "NET_ADMIN"]
        self.docker.run(*create_command(self.lab, self.name, self.subnet, self.number, given, image))
        self.start()
        self.trust(authorities)

    def scan_tcp(self, address: str, ports: str, timeout: float = 120) -> dict[int, str]:
        """Return the state of TCP ports of a lab host, as nmap names it.

        nmap sums up many ports of one uninteresting state: only the others are listed then.

        Args:
            address: An IPv4 or IPv6 address of this lab.
            ports: Ports as nmap writes them: ``22,80,443`` or ``1-65535``.
            timeout: Seconds.

        Raises:
            LabError: The address is not a host of this lab, or the scan failed.
        """
        own = {str(self.subnet.address4(spec.number)) for spec in HOSTS}
        own |= {str(self.subnet.address6(spec.number)) for spec in HOSTS}
        if address not in own:
            raise LabRefusedError(
                f"{address} is not scanned",
                "it is not a host of this lab, and nothing here reaches out to anybody else",
                "give an address that inv lab.status shows",
            )
        return port_states(self.run(scan_command(address, ports), timeout=timeout).stdout)
