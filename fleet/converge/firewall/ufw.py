"""UFW as the one authority, for the host's own ports and for what containers publish."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass, field

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from fleet.converge.access import guard
from fleet.converge.files import configuration
from fleet.converge.firewall import foreign_rules
from fleet.converge.firewall.rules import Declared, Version
from fleet.converge.output import of_kind, sections

STAGE = "/var/lib/aipbx/stage/ufw"
TOOLS: dict[Version, str] = {4: "iptables", 6: "ip6tables"}


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
        """Return a host without ufw."""
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
    """Return whether the kernel's rules are those that the files declare: policy, ufw's openings, and DOCKER-USER."""
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
    """Return the commands that take rules of others away; they are shown when `--diff` asks for it."""
    commands = []
    for version, tool in TOOLS.items():
        for table, lines in state.foreign(version).items():
            configuration.show_difference(f"{tool} -t {table}", "\n".join(lines), "")
        commands += foreign_rules.removal(state.foreign(version), tool)
    return commands


def staged(path: str) -> str:
    """Return where a file waits until it is checked."""
    return f"{STAGE}/{path.strip('/').replace('/', '_')}"


def check(paths: list[str]) -> str:
    """Return the command that lets the kernel test the staged rules without taking them."""
    tests = [
        f"ip{'6' if path.endswith('6.rules') else ''}tables-restore --test --noflush {shlex.quote(staged(path))}"
        for path in paths
        if path.endswith(".rules")
    ]
    return " && ".join(tests)


def apply(paths: list[str], edited: tuple[str, ...]) -> list[str]:
    """Return the commands that put the tested files into force."""
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
