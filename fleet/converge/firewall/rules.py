"""What a host's data open and shut, as rules of UFW and of the chain DOCKER-USER."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from aipbx_agent.contract import METADATA_NETWORKS
from fleet.inventory import monitoring as network
from fleet.inventory.settings import Settings
from fleet.nginx.settings import HTTP_PORT, HTTPS_PORT

Version = Literal[4, 6]
# Every container network of Docker has an interface of one of these names; the server's own cards never do.
BUILDS, NETWORKS = "docker0", "br-+"
DOCKER_INTERFACES = (BUILDS, NETWORKS)


@dataclass(frozen=True)
class Opening:
    """A port that is open from outside.

    Attributes:
        protocol: tcp or udp.
        port: the port that the client asks for.
        source: who may; None is anyone.
        interface: by which they come; empty is any. A port that only containers ask for is the host's own: none
            publishes it.
    """

    protocol: Literal["tcp", "udp"]
    port: int
    source: IPv4Network | IPv6Network | None = None
    interface: str = ""

    @property
    def _from(self) -> str:
        return f"-s {self.source} " if self.source else ""

    @property
    def _by(self) -> str:
        return f"-i {self.interface} " if self.interface else ""

    def ufw_tuple(self, anywhere: str) -> str:
        """ufw's own record of the rule, which `ufw status` and `ufw delete` read."""
        way = f"in_{self.interface}" if self.interface else "in"
        return f"### tuple ### allow {self.protocol} {self.port} {anywhere} any {self.source or anywhere} {way}"

    def input_rule(self, chain: str) -> str:
        """Return the rule for the host's own port."""
        match = f"{self._by}-p {self.protocol} --dport {self.port}"
        source = f" -s {self.source}" if self.source else ""
        return f"-A {chain} {match}{source} -j ACCEPT"

    def kernel_rule(self, chain: str) -> str:
        """The same, as `iptables -S` prints it."""
        return f"-A {chain} {self._from}{self._by}-p {self.protocol} -m {self.protocol} --dport {self.port} -j ACCEPT"

    def forward_rule(self) -> str:
        """Return the rule for a port that a container publishes, as `iptables -S` prints it."""
        return (
            f"-A DOCKER-USER {self._from}-p {self.protocol} -m conntrack --ctstate DNAT "
            f"--ctorigdstport {self.port} -j RETURN"
        )


@dataclass(frozen=True)
class Declared:
    """What is open and shut over one IP version.

    Attributes:
        opened: ports that are open from outside.
        shut: networks that containers cannot reach.
        outgoing: ports by network, all that containers of Compose's networks can reach; None: everything.
    """

    opened: list[Opening]
    shut: list[IPv4Network | IPv6Network] = field(default_factory=list)
    outgoing: Mapping[IPv4Network | IPv6Network, list[int]] | None = None

    def docker_user(self) -> list[str]:
        """Return the chain DOCKER-USER, as `iptables -S` prints it.

        Answers pass; a published port passes when it is opened; containers reach out; all else is dropped, also who
        tries a container's own address from the neighbourhood. What containers cannot reach refuses them at once, but
        for names: on some clouds the resolver has the address of the metadata service.
        """
        return [
            "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
            *(
                f"-A DOCKER-USER -d {network} -p tcp -m tcp ! --dport 53 -j REJECT --reject-with tcp-reset"
                for network in self.shut
            ),
            *(opening.forward_rule() for opening in self.opened if not opening.interface),
            "-A DOCKER-USER -m conntrack --ctstate DNAT -j DROP",
            *self._out(),
            "-A DOCKER-USER -j DROP",
        ]

    def _out(self) -> list[str]:
        """Return what containers reach; builds, on Docker's own network, are none of the application's."""
        if self.outgoing is None:
            return [f"-A DOCKER-USER -i {name} -j RETURN" for name in DOCKER_INTERFACES]
        return [
            f"-A DOCKER-USER -i {BUILDS} -j RETURN",
            f"-A DOCKER-USER -i {NETWORKS} -o {NETWORKS} -j RETURN",
            *(f"-A DOCKER-USER -i {NETWORKS} -p {name} -m {name} --dport 53 -j RETURN" for name in ("udp", "tcp")),
            *(
                f"-A DOCKER-USER -d {network} -i {NETWORKS} -p tcp -m tcp --dport {port} -j RETURN"
                for network, ports in self.outgoing.items()
                for port in ports
            ),
            # Refused at once: the application waits for no answer.
            f"-A DOCKER-USER -i {NETWORKS} -p tcp -j REJECT --reject-with tcp-reset",
        ]


def declared(settings: Settings, version: Version) -> Declared:
    """Return what a host's data open and shut over one IP version: SSH for all, web and RTP for all or for some."""
    web = settings.cloudflare_ranges if settings.web_from_cloudflare_only else []
    opened = [
        Opening("tcp", settings.sshd_port),
        *_for("tcp", [HTTP_PORT], web, version),
        *_for("tcp", [HTTPS_PORT], web or settings.web_from, version),
        *_for("udp", settings.rtp_ports, settings.pbx_addresses, version),
    ]
    if settings.monitoring and version == 4:
        opened += [Opening("tcp", port, interface=network.BRIDGE) for port in network.PORTS]
    metadata = map(ip_network, METADATA_NETWORKS)
    shut = [network for network in metadata if network.version == version]
    if not settings.staging:
        return Declared(opened, shut)
    outgoing = {network: ports for network, ports in settings.outgoing.items() if network.version == version}
    return Declared(opened, shut, outgoing)


def _for(
    protocol: Literal["tcp", "udp"], ports: list[int], sources: list[IPv4Network | IPv6Network], version: Version
) -> list[Opening]:
    """Ports that are open for sources; without any, for everyone."""
    if not sources:
        return [Opening(protocol, port) for port in ports]
    return [Opening(protocol, port, source) for port in ports for source in sources if source.version == version]
