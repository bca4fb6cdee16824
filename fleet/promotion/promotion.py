"""What a staging host has proved: the pair of commits that production may get."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aipbx_agent.contract import SERVICES
from aipbx_agent.release import releases
from fleet.errors import OperatorError
from fleet.inventory import hosts
from fleet.release.lock import lock_status

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Release
    from fleet.inventory.hosts import Host
    from fleet.state.survey import Container, Survey

# What a release runs in and stands on.
_NEEDED = ("postgres", *SERVICES, "nginx")


def source(name: str, fleet: list[Host]) -> Host:
    """Return the staging host whose release is meant.

    Args:
        name: as typed; empty: the only one there is.
        fleet: the inventory's hosts.

    Raises:
        OperatorError: there is none, there are several, or it is none.
    """
    known = [host for host in fleet if host.staging]
    chosen = [host for host in hosts.select(name, fleet) if host.staging] if name else known
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(host.name for host in known)
    if name and not chosen:
        raise OperatorError(f"{name} is not a staging host.", f"Staging: {names or 'none'}.", "Name one with --from=….")
    if chosen:
        raise OperatorError("There are several staging hosts.", f"They are {names}.", "Name one with --from=….")
    raise OperatorError(
        "The inventory has no staging host.",
        "A promotion brings to production what a staging host has proved.",
        "docs/staging.md says how to declare one; inv deploy brings a release without it.",
    )


def refuse_staging(targets: list[Host]) -> None:
    """Refuse to promote to a staging host.

    Raises:
        OperatorError: one is among the hosts that are meant.
    """
    if names := ", ".join(host.name for host in targets if host.staging):
        raise OperatorError(
            f"A release is not promoted to staging: {names}.",
            "Staging is where it comes from.",
            f"inv deploy --host={names}",
        )


def proved(host: str, state: Survey, soak_minutes: int, now: datetime | None = None) -> Release:
    """Return the release that runs on a staging host.

    Args:
        host: its name.
        state: how it is.
        soak_minutes: for how long it must have run, healthy.
        now: the time; default: this machine's.

    Raises:
        OperatorError: it has not proved it; says all that is missing.
    """
    release = state.running
    if release is None or not releases.since(state.entries):
        raise OperatorError(f"{host} has no release yet.", "There is nothing to promote.", f"inv deploy --host={host}")
    if missing := [*_unhealthy(state), *_too_young(state, soak_minutes, now or datetime.now(UTC))]:
        raise OperatorError(
            f"{host} has not proved its release ({release}).",
            "; ".join(missing) + ".",
            f"Wait, or see what is wrong: inv doctor --host={host}",
        )
    return release


def _unhealthy(state: Survey) -> list[str]:
    missing = [name for name in _NEEDED if name not in state.containers]
    reasons = [f"{name} does not run" for name in missing]
    reasons += [
        f"{name} is {container}"
        for name, container in state.containers.items()
        if name in _NEEDED and not container.good
    ]
    reasons += [
        f"{name} restarted by itself ({container.restarts} times)"
        for name, container in _of_release(state)
        if container.restarts
    ]
    if state.maintenance:
        reasons.append("its maintenance page is on, so no one could try it")
    if state.lock_standing in lock_status.ALIVE:
        reasons.append(f"a run is under way there ({state.lock})")
    return reasons


def _too_young(state: Survey, soak_minutes: int, now: datetime) -> list[str]:
    """Return whether the release serves, and its containers run, for too short a time: a restart begins again."""
    begun = {"it has served": releases.since(state.entries)}
    begun |= {f"{name} has run": container.started for name, container in _of_release(state)}
    ages = {what: int((now - datetime.fromisoformat(when)).total_seconds() // 60) for what, when in begun.items()}
    what, minutes = min(ages.items(), key=lambda item: item[1])
    return [f"{what} for {minutes} of {soak_minutes} minutes"] if minutes < soak_minutes else []


def _of_release(state: Survey) -> list[tuple[str, Container]]:
    return [(name, state.containers[name]) for name in SERVICES if name in state.containers]
