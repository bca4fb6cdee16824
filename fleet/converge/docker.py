"""The Docker daemon: installed at a pinned version, and never restarted under a call without being told."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import operation

from fleet.converge import packages, services

CONFIG = "/etc/docker/daemon.json"
UNIT = "docker.service"


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
        """The command that fails, and says why, while a call is live."""
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
    if "docker-ce" in present:
        yield calls.gate()
        # The package restarts the daemon, which systemd refuses after three starts within a minute.
        yield f"systemctl reset-failed {UNIT}"
    yield packages.install(f"{name}={version}" for name, version in versions.items())


@operation()
def daemon(calls: Calls) -> Generator[str, None, None]:
    """The daemon runs, starts with the host, and has read daemon.json; restarted only when it has not.

    Args:
        calls: what must not be live when it restarts.
    """
    state = host.get_fact(services.Service, unit=UNIT, config=(CONFIG,))
    commands = services.repair(UNIT, state, "restart")
    if not commands:
        host.noop("Docker runs with its present configuration")
        return
    if state.active:
        yield calls.gate()
    yield from commands
    yield "timeout 60 sh -c 'until docker info >/dev/null 2>&1; do sleep 0.2; done'"
