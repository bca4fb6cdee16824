"""Breaking a deploy lock whose run is gone: what that run left unfinished is completed first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet import agent
from fleet.cli import agreed
from fleet.errors import OperatorError
from fleet.output import say
from fleet.release.lock import lock_status, recovery
from fleet.state import survey

if TYPE_CHECKING:
    from fleet.remote import Remote


def unlock(host: Remote, *, force: bool, yes: bool) -> None:
    """Break the deploy lock of a host.

    Args:
        host: the host.
        force: whether its run may still be at it.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: there is none, its run continues, or the operator did not agree.
    """
    state = survey.take(host)
    if not state.lock:
        raise OperatorError(f"{host.name} is not locked.", "There is no lock to break.", "Continue with your command.")
    if state.lock_standing in lock_status.ALIVE and not force:
        raise OperatorError(
            f"{host.name}: still locked: {state.lock}.",
            lock_status.KNOWN[state.lock_standing],
            f"Wait for its end. inv unlock --force --host={host.name} breaks it anyway, and perhaps that run.",
        )
    if known := lock_status.KNOWN.get(state.lock_standing):
        say(f"{host.name}: {known}", "" if state.lock_standing in lock_status.GONE else "yellow")
    if state.unfinished and not force:
        say(f"  It left an unfinished {state.unfinished}, which is completed first.", "yellow")
    if not agreed(f"{host.name}: break the lock of {state.lock}", yes=yes):
        raise OperatorError(f"{host.name}: still locked.", "The question was not answered with yes.", "Ask its owner.")
    if state.unfinished and not force:
        agent.run(host, ["recover"], seconds=recovery.SECONDS)
    agent.query(host, ["unlock"])
    say(f"{host.name}: unlocked.", "green")
