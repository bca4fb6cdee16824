"""Services that run with the configuration that lies on disk, also after a run that was cut off in between."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from pyinfra import host
from pyinfra.api import FactBase, operation

from fleet.checkout import ROOT
from fleet.converge.output import Lines

FOLDER = "/etc/systemd/system"
# What a unit of ours has in it.
MARKS = ("aiPBX Fleet", "/usr/local/lib/aipbx/", "/usr/local/sbin/aipbx-")


@dataclass(frozen=True)
class ServiceState:
    """What systemd says of a unit.

    Attributes:
        active: it runs.
        enabled: it starts with the host.
        stale: a file of its configuration is newer than when it last read all of it.
        unread: its unit file, or that of the service a timer starts, changed and systemd has not read it.
    """

    active: bool = False
    enabled: bool = False
    stale: bool = False
    unread: bool = False


class Service(FactBase[ServiceState]):
    """A unit's state, and whether its configuration is newer than the process that should have read it."""

    def command(self, unit: str, config: tuple[str, ...]) -> str:
        """One round trip; times in seconds with fractions. Only a restart has a unit read all: a reload is none."""
        files = " ".join(map(shlex.quote, config))
        read = {unit, unit.replace(".timer", ".service")}
        newest = f"stat -c %.9Y {files} 2>/dev/null | sort -n | tail -n 1" if config else "true"
        return (
            f"systemctl show -p ActiveState,UnitFileState {shlex.quote(unit)}; "
            f"systemctl show -p NeedDaemonReload {' '.join(map(shlex.quote, sorted(read)))}; "
            f'echo "newest=$({newest})"; '
            f'echo "since=$(date -d "$(systemctl show --timestamp=us+utc -p ActiveEnterTimestamp --value '
            f'{shlex.quote(unit)})" +%s.%N 2>/dev/null)"'
        )

    @staticmethod
    def default() -> ServiceState:
        """Return a unit that does not exist."""
        return ServiceState()

    def process(self, output: list[str]) -> ServiceState:
        """Read `name=value` lines."""
        values = dict(line.split("=", 1) for line in output if "=" in line)
        newest, since = values.get("newest", ""), values.get("since", "")
        return ServiceState(
            active=values.get("ActiveState") == "active",
            enabled=values.get("UnitFileState") in ("enabled", "static", "alias", "indirect"),
            stale=bool(newest and since) and float(newest) > float(since),
            unread="NeedDaemonReload=yes" in output,
        )


def repair(unit: str, state: ServiceState) -> list[str]:
    """Return the commands that bring a unit from `state` to: read, enabled, running, with its present configuration."""
    name = shlex.quote(unit)
    commands = ["systemctl daemon-reload"] if state.unread else []
    if not state.enabled:
        commands.append(f"systemctl enable --quiet {name}")
    if not state.active:
        # A unit that died too often in a minute is refused by systemd until its count is forgotten.
        commands.append(f"systemctl reset-failed {name}; systemctl start {name}")
    elif state.stale or state.unread:
        commands.append(f"systemctl restart {name}")
    return commands


@operation()
def running(unit: str, config: tuple[str, ...] = ()) -> Generator[str, None, None]:
    """A unit runs, starts with the host, and has read its configuration.

    Args:
        unit: its name, as `fail2ban.service`.
        config: files that it reads at its start only.

    A unit that is not active within ten seconds is a failure, and its last lines are shown.
    """
    commands = repair(unit, host.get_fact(Service, unit=unit, config=config))
    if not commands:
        host.noop(f"{unit} runs with its present configuration")
        return
    yield from commands
    name = shlex.quote(unit)
    is_active = f"systemctl --quiet is-active {name}"
    yield f"timeout 10 sh -c 'until {is_active}; do sleep 0.1; done' || systemctl status -n 20 {name}"


def shipped() -> set[str]:
    """Return the units of ours that this repository declares."""
    files = (path for folder in ("files", "templates") for path in (ROOT / folder).rglob("aipbx*"))
    names = (path.name.removesuffix(".j2") for path in files)
    return {name for name in names if Path(name).suffix in {".service", ".socket", ".timer", ".slice"}}


class OurUnits(Lines):
    """The unit files of ours on the host, also those that an earlier version of this repository declared.

    The name is no proof: an application that was installed by hand may be `aipbx.service`. Ours, or the service
    that a timer starts, say that this repository wrote them, or name a program of ours.
    """

    def command(self) -> str:
        """One round trip."""
        marks = " ".join(f"-e {shlex.quote(mark)}" for mark in MARKS)
        is_ours = f'[ -f "$unit" ] && [ ! -L "$unit" ] && grep -qsF {marks} "$unit" "${{unit%.*}}.service"'
        return f'cd {FOLDER} && for unit in aipbx*; do if {is_ours}; then echo "$unit"; fi; done'


@operation()
def only(names: set[str]) -> Generator[str, None, None]:
    """Stop, disable and remove our units that are no longer declared.

    Args:
        names: the units to leave alone.
    """
    present: list[str] = host.get_fact(OurUnits)
    undeclared = set(present) - names
    if not undeclared:
        host.noop("no other unit is installed")
        return
    # A timer before the service that it would start.
    for unit in sorted(undeclared, reverse=True):
        name = shlex.quote(unit)
        yield f"systemctl disable --quiet --now {name}; rm {FOLDER}/{name}"
        yield f"systemctl reset-failed {name} 2>/dev/null || true"
    yield "systemctl daemon-reload"
