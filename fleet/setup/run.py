"""`inv setup`: shows the steps to a deployed host, and runs the commands that remain, each of which asks by itself."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.checkout import ROOT
from fleet.cli import agreed, finish, refuse_unasked
from fleet.command_line import dry_run
from fleet.env import findings
from fleet.env.dotenv import editing, files
from fleet.env.secret_store import merging
from fleet.errors import OperatorError
from fleet.output import console, say
from fleet.setup.look import look, refuse_by_hand
from fleet.setup.steps import remaining, steps
from fleet.status import doctor, doctor_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.remote import Remote

AGREED = {"pyinfra": "-y", "inv": "--yes"}
# It asks nothing.
ISSUE = "tls.issue"


def carry_out(remote: Remote, *, yes: bool) -> None:
    """Bring a host from where it is to a deployed one.

    Args:
        yes: whether the operator has agreed to every step in advance.

    Raises:
        OperatorError: what stands in the way, and that the same command continues from there.
    """
    try:
        _carry_out(remote, yes=yes)
    except OperatorError as error:
        raise type(error)(error.what, error.why, f"{error.do}\n         Then {_continues(remote.name)}") from None
    except KeyboardInterrupt as interrupted:
        raise KeyboardInterrupt(f"{str(interrupted) or 'Interrupted.'} {_continues(remote.name)}") from None


def _carry_out(remote: Remote, *, yes: bool) -> None:
    if any(path.exists() for path in files.paths(remote.name)):
        _fill_in(remote, yes=yes)
    state, tls = look(remote), remote.settings.tls
    say(f"{remote.name}: setup", "bold")
    for step in steps(remote.name, tls, state):
        say(step.line)
    if left := remaining(remote.name, tls, state):
        refuse_unasked(f"{left[0].name} {remote.name}", yes=yes)
    if not (state.file or state.pushed):
        _run(remote.name, ("inv", "env.init", f"--host={remote.name}"))
        _fill_in(remote, yes=yes)
        state = replace(state, file=files.shown(files.load(remote.name).path))
    for step in remaining(remote.name, tls, state):
        _run(remote.name, _agreed(step.command) if yes else step.command)
        if step.name == "converge" and not state.release:
            refuse_by_hand(remote)  # only now could the host be asked
    _farewell(remote)


def _fill_in(remote: Remote, *, yes: bool) -> None:
    """Have nothing be wrong with the env file: at a terminal the operator corrects it now, in their editor.

    Raises:
        OperatorError: it has errors still.
    """
    try:
        findings.checked(merging.load(remote.name, remote.settings.secrets_from))
    except OperatorError as error:
        if yes or dry_run.active() or not sys.stdin.isatty():
            raise
        say(f"{error.what}\n         {error.why}")
        if not agreed(f"Correct it now, in {shlex.join(editing.editor())}"):
            raise
        _run(remote.name, ("inv", "env.edit", f"--host={remote.name}"))
        findings.checked(merging.load(remote.name, remote.settings.secrets_from))


def _agreed(command: Sequence[str]) -> list[str]:
    return [*command, *([] if ISSUE in command else [AGREED[command[0]]])]


def _run(host: str, command: Sequence[str]) -> None:
    """Show a command and run it at the operator's terminal; one that does not end well ends the setup."""
    say(f"\n$ {shlex.join(command)}", "bold")
    sys.stdout.flush()
    process = subprocess.Popen([Path(sys.executable).with_name(command[0]), *command[1:]], cwd=ROOT)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the command got it too, and may ask what is meant
            continue
        break
    if code != 0:
        print(f"\n{_continues(host)}", file=sys.stderr)
        finish(code)


def _continues(host: str) -> str:
    return f"inv setup --host={host} continues from here."


def _farewell(remote: Remote) -> None:
    say("")
    doctor.show(console, remote.name, doctor_host.users(remote))
    say(f"next: what stands there, then https://{remote.name}; inv doctor --host={remote.name} shows it again.")
