"""The Docker daemon: installed at a pinned version, and never restarted under a call without consent."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import host, logger
from pyinfra.api import FactBase, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from fleet.converge.connect import existing_docker
from fleet.converge.files import configuration, services
from fleet.converge.system import packages
from fleet.nginx.settings import WEB_PORTS

CONFIG = "/etc/docker/daemon.json"
UNIT = "docker.service"
# On a fresh host there is no dockerd yet to test it; it starts with this file right after.
CHECK = "if command -v dockerd >/dev/null; then dockerd --validate --config-file {}; fi"
SET_ASIDE = f"{CONFIG}.set-aside-by-aipbx"


@dataclass(frozen=True)
class Calls:
    """Which calls a restart of the daemon would meet.

    Attributes:
        rtp_ports: UDP ports that carry them.
        allowed: whether the operator said that a restart may happen all the same.
    """

    rtp_ports: list[int]
    allowed: bool

    def gate(self) -> str:
        """Return the command that fails, and says why, while a call is live."""
        if self.allowed:
            return "true"
        # A list that cannot be had must not pass for an empty one.
        count = " && ".join(f"conntrack -L -p udp --orig-port-dst {port} 2>/dev/null" for port in self.rtp_ports)
        return (
            f"flows=$({count}) || {{ "
            "echo 'conntrack cannot list the live RTP flows, so Docker is not restarted.' >&2; "
            "echo '    do:  try `conntrack -L` as root on the host; deploys/base.py installs it.' >&2; exit 1; }; "
            'live=$(printf %s "$flows" | grep -c .) || true; [ "$live" -eq 0 ] || { '
            'echo "Docker must restart, and $live RTP flows are live on this host." >&2; '
            'echo "    why: a restart of the daemon under a call can cut it." >&2; '
            'echo "    do:  run again when no call is live, or add --data docker_restart_during_calls=true" >&2; '
            "exit 1; }"
        )


def containers_survive() -> str:
    """Return the command that makes a running daemon keep its containers when it ends, without restarting it.

    On a host that was installed by hand, containers end with the daemon. daemon.json is in place already, and a reload
    brings its `live-restore` into force.
    """
    on = "[ \"$(docker info --format '{{.LiveRestoreEnabled}}' 2>/dev/null)\" = true ]"
    return (
        f"! systemctl --quiet is-active {UNIT} || {on} || {{ systemctl reload {UNIT} && "
        f"timeout 30 sh -c {shlex.quote(f'until {on}; do sleep 0.2; done')}; }} || {{ "
        "echo 'Docker would take its containers along when it restarts, so it is not restarted.' >&2; "
        "echo '    why: it did not take up live-restore from /etc/docker/daemon.json.' >&2; "
        "echo '    do:  read `journalctl -u docker` on the host, then run the same command again.' >&2; exit 1; }"
    )


def unnoticed(command: str, ports: list[int], tools: str = "iptables ip6tables") -> str:
    """Return the command, around which no one who connects is refused.

    A daemon that starts has no rules for published ports for about half a second (measured: 0.4 s), in which the host
    itself would refuse connections. Dropped, they are tried again after a second and succeed. Where Docker's rules
    lead connections on, this one is not met.

    Args:
        command: what restarts the daemon.
        ports: TCP ports that containers publish.
        tools: for which families.
    """
    rule = f"INPUT -p tcp --syn -m multiport --dports {','.join(map(str, ports))} -m comment --comment aipbx-restart"
    end = f"for tool in {tools}; do while $tool -w -D {rule} -j DROP 2>/dev/null; do :; done; done"
    script = (
        f"end() {{ {end}; }}; end; trap end EXIT; trap 'exit 1' HUP INT TERM; "
        f"for tool in {tools}; do $tool -w -I {rule} -j DROP || true; done; {command}"
    )
    return f"sh -c {shlex.quote(script)}"


class KnowsFirewallBackend(FactBase[bool]):
    """Whether the engine on the host knows the setting that says which of the kernel's firewalls it uses."""

    def command(self) -> str:
        """Return the engine's own list of flags: a package's version number may be a label only."""
        return "dockerd --help 2>/dev/null | grep -o -m 1 -e '--firewall-backend' || true"

    @staticmethod
    def default() -> bool:
        """Return an engine that says nothing, or none."""
        return False

    def process(self, output: list[str]) -> bool:
        """Any line says that it does."""
        return bool(output)


def knows_firewall_backend() -> bool:
    """Return whether the present engine knows `firewall-backend`: one that does not would refuse the whole file."""
    return bool(host.get_fact(KnowsFirewallBackend))


def lost(before: str, after: str) -> list[str]:
    """Return the settings of one daemon.json that another has not."""
    known = existing_docker.read(after) or {}
    return sorted(set(existing_docker.read(before) or {}) - set(known))


def tell_replaced(text: str) -> None:
    """Say which settings of a daemon.json go with the file that is replaced.

    Args:
        text: the file that comes.
    """
    if replaced := lost(host.get_fact(configuration.ConfigurationFile, path=CONFIG).text, text):
        logger.warning(
            f"{host.print_prefix}{CONFIG} is replaced: {', '.join(replaced)} will not be set. "
            f"The old file is saved as {SET_ASIDE}."
        )


@operation()
def configured(text: str) -> Generator[PyinfraCommand | str, None, None]:
    """daemon.json has this text; one with settings of others is set aside.

    Args:
        text: its content.
    """
    if lost(host.get_fact(configuration.ConfigurationFile, path=CONFIG).text, text):
        yield StringCommand(f"cp -a --backup=numbered {CONFIG} {SET_ASIDE}")
    yield from configuration.file._inner(path=CONFIG, text=text, check=CHECK)


@operation()
def configured_when_known(text: str) -> Generator[PyinfraCommand | str, None, None]:
    """daemon.json has this text, if the engine knows all of it; where a run has just installed it, only now.

    Args:
        text: its content.
    """
    if not knows_firewall_backend():
        host.noop("this engine has one firewall only")
        return
    yield from configuration.file._inner(path=CONFIG, text=text, check=CHECK)


@operation()
def installed(versions: dict[str, str], calls: Calls) -> Generator[str, None, None]:
    """Docker's packages at exactly these versions.

    Args:
        versions: version by package, as the repository writes it.
        calls: what must not be live when a running daemon is replaced.
    """
    present: dict[str, str] = host.get_fact(packages.InstalledVersions, names=tuple(versions))
    if present == versions:
        host.noop("Docker's packages are at their versions")
        return
    runs = host.get_fact(services.Service, unit=UNIT, config=(CONFIG,)).active
    if runs:
        yield calls.gate()
        yield containers_survive()
        # The package restarts the daemon, which systemd refuses after three starts within a minute.
        yield f"systemctl reset-failed {UNIT}"
    install = packages.install(f"{name}={version}" for name, version in versions.items())
    # Takes long, and IPv6 may come in by the host itself all that time.
    yield unnoticed(install, WEB_PORTS, "iptables") if runs else install


@operation()
def daemon(calls: Calls) -> Generator[str, None, None]:
    """The daemon runs, starts with the host, and has read daemon.json; restarted only when it has not.

    Args:
        calls: what must not be live when it restarts.
    """
    state = host.get_fact(services.Service, unit=UNIT, config=(CONFIG,))
    commands = services.repair(UNIT, state)
    if not commands:
        host.noop("Docker runs with its present configuration")
        return
    ready = "timeout 60 sh -c 'until docker info >/dev/null 2>&1; do sleep 0.2; done'"
    if state.active:
        yield calls.gate()
        yield containers_survive()
        yield unnoticed(" && ".join([*commands, ready]), WEB_PORTS)
        return
    yield from commands
    yield ready
