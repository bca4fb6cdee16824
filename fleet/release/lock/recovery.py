"""What was cut off on a host is completed before anything changes its release or its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet import agent
from fleet.command_line import dry_run
from fleet.output import say
from fleet.release.lock import lock_status
from fleet.state import survey

if TYPE_CHECKING:
    from fleet.remote import Remote
    from fleet.state.survey import Survey

# Data back in their places, a database that replays its log, a backend that becomes ready.
SECONDS = 1800
_DOWN = {"created", "exited", "dead", "unhealthy"}


def settled(remote: Remote, state: Survey, drain_seconds: int | None = None) -> Survey:
    """Have a host complete an unfinished restore and start a database that is down; one that is locked is left alone.

    Args:
        state: how it is.
        drain_seconds: of survey.take, where it is asked again.

    Returns: how it is afterwards.

    Raises:
        OperatorError: the host cannot be brought to that.
    """
    if state.lock and state.lock_standing not in lock_status.GONE:
        return state
    postgres = state.containers.get("postgres")
    wrong = [f"an unfinished {state.unfinished}"] if state.unfinished else []
    wrong += ["a way into the database that an unfinished rotation left open"] if state.rotation == "open" else []
    wrong += ["a database that is down"] if postgres and {postgres.status, postgres.health} & _DOWN else []
    if not wrong:
        return state
    say(f"{remote.name} has {' and '.join(wrong)}. Recovery runs first.", "yellow")
    if dry_run.active():
        return state
    agent.run(remote, ["recover"], seconds=SECONDS)
    return survey.take(remote, drain_seconds)
