"""A run that continues on a host without us: shown again, stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aipbx_agent.contract import CANCEL_SECONDS
from fleet import agent
from fleet.cli import agreed
from fleet.errors import OperatorError
from fleet.output import say

if TYPE_CHECKING:
    from fleet.remote import Remote


def attach(remote: Remote) -> None:
    """Show what a run says until its end.

    Raises:
        OperatorError: nothing runs there.
        FailedError: it failed.
    """
    agent.attach(remote)
    say(f"{remote.name}: it is done. inv status --host={remote.name}", "green")


def cancel(remote: Remote, *, yes: bool) -> None:
    """Stop what runs, and tell how it ended.

    Args:
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: nothing runs there, or no consent.
    """
    runs = agent.query(remote, ["cancel", "--look"])["runs"]
    for run in runs:
        say(f"{remote.name}: {run['verb']}, since {run['since']}")
    verbs = " and ".join(run["verb"] for run in runs)
    if not agreed(f"stop the {verbs} on {remote.name}", yes=yes):
        raise OperatorError(
            f"{remote.name}: nothing was stopped.", "You did not say yes.", f"inv attach --host={remote.name} shows it."
        )
    for run in agent.query(remote, ["cancel"], seconds=CANCEL_SECONDS)["ended"]:
        if run["completed"]:
            say(f"{remote.name}: {run['verb']} is done: it could no longer be taken back.", "yellow")
        else:
            say(f"{remote.name}: {run['verb']} was stopped; what it had begun is taken back.", "green")
