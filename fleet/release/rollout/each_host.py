"""Several hosts that a release is to come to: waited for, and each decided by its own data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet.cli import remotes
from fleet.errors import OperatorError
from fleet.release import decide
from fleet.release.lock import deploy_lock

if TYPE_CHECKING:
    from fleet.inventory.hosts import Host
    from fleet.release.decide import Options, Prepared
    from fleet.remote import Remote

# The host's own deadline for what it waits for (aipbx_agent/core/detached.py) is an hour longer.
LONGEST_DRAIN_SECONDS = 14400


def deploys(hosts: list[Host], shas: list[str], service: str, drain_timeout: int, options: Options) -> list[Prepared]:
    """Decide and show what a deploy would do to each host.

    Args:
        hosts: which.
        shas: commits as typed.
        service: the only one that changes; empty: both.
        drain_timeout: how long calls may continue, as typed; -1: as each host's data say.
        options: the rest of how it is done.

    Raises:
        OperatorError: it cannot be on one of them; nothing was touched.
    """
    chosen = unlocked(remotes(hosts), wait=options.waits)
    drifted = decide.asked_for_drift(chosen)
    prepared = []
    for remote in chosen:
        own = replace(options, drain_seconds=drain_seconds(remote, drain_timeout, now=options.accepts_overlap))
        prepared.append(decide.deploy(remote, shas, service, own, drifted))
    return prepared


def unlocked(hosts: list[Remote], *, wait: bool) -> list[Remote]:
    """Return the hosts; where locks are to be waited for, once they are gone."""
    for remote in hosts if wait else ():
        deploy_lock.wait(remote)
    return hosts


def drain_seconds(remote: Remote, typed: int, *, now: bool) -> int:
    """Return how long calls may continue: as typed, else as the host's data say; 0 with --now."""
    if typed > LONGEST_DRAIN_SECONDS or (now and typed >= 0):
        raise OperatorError(
            f"--drain-timeout={typed} cannot be{' together with --now' * now}.",
            f"How long calls may continue, in seconds, {LONGEST_DRAIN_SECONDS} at most; --now is 0.",
            "Leave one of them out, or give fewer seconds.",
        )
    return 0 if now else typed if typed >= 0 else remote.settings.drain_seconds
