"""The maintenance page: nginx shows it while a file is there, so that turning it on and off restarts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.cli import agree
from fleet.command_line import dry_run
from fleet.commands import maintenance as commands
from fleet.errors import OperatorError
from fleet.output import say

if TYPE_CHECKING:
    from fleet.remote import Remote


def turn(remote: Remote, state: str, *, yes: bool) -> None:
    """Show the maintenance page, or stop showing it.

    Args:
        state: `on` or `off`.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: another state, a host that is not converged, or no consent.
    """
    if state not in {"on", "off"}:
        raise OperatorError(
            f"{state!r} is neither on nor off.", "The maintenance page is on or off.", "inv maintenance on --host=…"
        )
    question = f"{remote.name}: every visitor sees the maintenance page instead of aiPBX"
    if state == "on":
        agree(remote.name, question, yes=yes)
    if dry_run.active():
        dry_run.end(f"{remote.name}: turn the maintenance page {state}")
    remote.sudo_output(commands.turn(remote.settings.app_dir, on=state == "on"))
    say(f"{remote.name}: the maintenance page is {state}.", "yellow" if state == "on" else "green")
