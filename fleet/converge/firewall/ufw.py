"""UFW as the one authority, for the host's own ports and for what containers publish."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from aipbx_agent.contract import METADATA_NETWORKS
from fleet.converge.access import guard
from fleet.converge.files import configuration
from fleet.converge.firewall import foreign_rules
from fleet.converge.output import of_kind, sections
from fleet.inventory import monitoring as network
from fleet.inventory.settings import Settings
from fleet.nginx.settings import HTTP_PORT, HTTPS_PORT

Version = Literal[4, 6]
STAGE = "/var/lib/aipbx/stage/ufw"
# Every container network of Docker has an interface of one of these names; the server's own cards never do.
BUILDS, NETWORKS = "docker0", "br-+"
DOCKER_INTERFACES = (BUILDS, NETWORKS)
TOOLS: dict[Version, str] = {4: "iptables", 6: "ip6tables"}


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
        """The rule for the host's own port."""
        match = f"{self._by}-p {self.protocol} --dport {self.port}"
        source = f" -s {self.source}" if self.source else ""
        return f"-A {chain} {match}{source} -j ACCEPT"

    def kernel_rule(self, chain: str) -> str:
        """The same, as `iptables -S` prints it."""
        return f"-A {chain} {self._from}{self._by}-p {self.protocol} -m {self.protocol} --dport {self.port} -j ACCEPT"

    def forward_rule(self) -> str:
        """The rule for a port that a container publishes, as `iptables -S` prints it."""
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
        """The chain DOCKER-USER, as `iptables -S` prints it.

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
        """What containers reach; builds, on Docker's own network, are none of the application's."""
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
    """What a host's data open and shut over one IP version: SSH for all, web and RTP for all or for some."""
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


@dataclass(frozen=True)
class UfwState:
    """What is on the host.

    Attributes:
        files: the text of each of ufw's files that was asked for, by path.
        edited: files of the distribution's that differ from what its package brought.
        kernel: what `iptables -S` (4) and `ip6tables -S` (6) print.
        nat: what they print of the table nat.
        enabled: whether ufw starts with the host.
        armed: whether an unconfirmed change waits to be undone.
    """

    files: dict[str, str] = field(default_factory=dict)
    edited: tuple[str, ...] = ()
    kernel: dict[Version, list[str]] = field(default_factory=lambda: {4: [], 6: []})
    nat: dict[Version, list[str]] = field(default_factory=lambda: {4: [], 6: []})
    enabled: bool = False
    armed: bool = False

    def foreign(self, version: Version) -> dict[str, list[str]]:
        """Rules of others, by table."""
        return foreign_rules.foreign(self.kernel[version], self.nat[version])


# Files of ufw's package that no one should have edited, and where it keeps the originals.
DISTRIBUTED = {f"/etc/ufw/before{v}.rules": f"/usr/share/ufw/iptables/before{v}.rules" for v in ("", "6")}


class Ufw(FactBase[UfwState]):
    """ufw's files, and the rules that the kernel really has."""

    def command(self, paths: tuple[str, ...]) -> str:
        """One round trip: sections that begin with a line `==kind name`."""
        parts = [f"echo '==file {path}'; cat {path} 2>/dev/null || true" for path in paths]
        parts += [f"cmp -s {path} {original} || echo '==edited {path}'" for path, original in DISTRIBUTED.items()]
        parts += [
            *(
                f"echo '==kernel {version}'; {tool} -S 2>/dev/null || true; "
                f"echo '==nat {version}'; {tool} -t nat -S 2>/dev/null || true"
                for version, tool in TOOLS.items()
            ),
            "if systemctl --quiet is-enabled ufw 2>/dev/null; then echo '==enabled -'; fi",
            f"if {guard.armed('firewall')}; then echo '==armed -'; fi",
        ]
        return "; ".join(parts)

    @staticmethod
    def default() -> UfwState:
        """A host without ufw."""
        return UfwState()

    def process(self, output: list[str]) -> UfwState:
        """Read the sections."""
        parts = sections(output)
        return UfwState(
            files=of_kind(parts, "file"),
            edited=tuple(of_kind(parts, "edited")),
            kernel={version: parts.get(f"kernel {version}", "").splitlines() for version in TOOLS},
            nat={version: parts.get(f"nat {version}", "").splitlines() for version in TOOLS},
            enabled="enabled -" in parts,
            armed="armed -" in parts,
        )


def in_force(kernel: list[str], declared: Declared, version: Version) -> bool:
    """Whether the kernel's rules are those that the files declare: policy, ufw's openings, and DOCKER-USER."""
    v = "" if version == 4 else "6"
    chain = f"ufw{v}-user-input"
    of_ufw = [line for line in kernel if line.startswith(f"-A {chain} ")]
    of_docker = [line for line in kernel if line.startswith("-A DOCKER-USER ")]
    # Docker appends a RETURN of its own when it makes the chain; behind our DROP it never matters.
    return (
        {"-P INPUT DROP", "-P FORWARD DROP", f"-A INPUT -j ufw{v}-before-input"} <= set(kernel)
        and of_ufw == [opening.kernel_rule(chain) for opening in declared.opened]
        and [line for line in of_docker if line != "-A DOCKER-USER -j RETURN"] == declared.docker_user()
        and foreign_rules.gated(kernel)
    )


@operation()
def firewall(
    files: dict[str, str], declared: dict[Version, Declared], account: str
) -> Generator[PyinfraCommand | str, None, None]:
    """Put ufw's files and the kernel's rules into the declared state, and keep the way in.

    Args:
        files: the text of each of ufw's files by path.
        declared: by IP version, what is open and shut, to compare with the kernel.
        account: who must be able to log in by a fresh connection afterwards; else the change is undone.
    """
    state = host.get_fact(Ufw, paths=tuple(files))
    right = (
        all(state.files.get(path) == text for path, text in files.items())
        and not state.edited
        and state.enabled
        and not state.armed
        and all(in_force(state.kernel[version], declared[version], version) for version in TOOLS)
        and not any(state.foreign(version) for version in TOOLS)
    )
    if right:
        host.noop("the firewall is as declared")
        return
    yield StringCommand(f"rm -rf {STAGE} && install -d -m 700 {STAGE}")
    for path, text in files.items():
        configuration.show_difference(path, state.files.get(path, ""), text)
        yield configuration.upload(text, staged(path))
    yield StringCommand(check(list(files)))
    yield from guard.guarded("firewall", account, [*without_foreign(state), *apply(list(files), state.edited)])


def without_foreign(state: UfwState) -> list[str]:
    """The commands that take rules of others away; they are shown when `--diff` asks for it."""
    commands = []
    for version, tool in TOOLS.items():
        for table, lines in state.foreign(version).items():
            configuration.show_difference(f"{tool} -t {table}", "\n".join(lines), "")
        commands += foreign_rules.removal(state.foreign(version), tool)
    return commands


def staged(path: str) -> str:
    """Where a file waits until it is checked."""
    return f"{STAGE}/{path.strip('/').replace('/', '_')}"


def check(paths: list[str]) -> str:
    """The command that lets the kernel test the staged rules without taking them."""
    tests = [
        f"ip{'6' if path.endswith('6.rules') else ''}tables-restore --test --noflush {shlex.quote(staged(path))}"
        for path in paths
        if path.endswith(".rules")
    ]
    return " && ".join(tests)


def apply(paths: list[str], edited: tuple[str, ...]) -> list[str]:
    """The commands that put the tested files into force."""
    commands = [
        f"install -m {'640' if path.endswith('.rules') else '644'} {staged(path)} {path}.new && mv {path}.new {path}"
        for path in paths
    ]
    commands += [
        f"cp -a {path} {path}.set-aside-by-aipbx && install -m 640 {DISTRIBUTED[path]} {path}" for path in edited
    ]
    commands.append(
        "systemctl enable --quiet ufw && /usr/lib/ufw/ufw-init force-reload >/dev/null && systemctl start ufw"
    )
    return commands + [foreign_rules.gate_first(tool) for tool in TOOLS.values()]
