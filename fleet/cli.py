"""What all verbs share: which hosts are meant, how an operator is asked, how they learn that something is wrong.

Imports nothing slow: `inv --list` waits for it.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

from invoke.exceptions import Exit

from aipbx_agent.core.text import printable
from fleet.command_line import dry_run, record
from fleet.command_line.encoding import print_anything
from fleet.errors import OperatorError, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fleet.inventory.hosts import Host
    from fleet.remote import Remote

P = ParamSpec("P")
R = TypeVar("R")
INTERRUPTED = 130
_changes = False  # one process, one verb: whether it is one that changes hosts


def report_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Turn an OperatorError into its three lines on stderr and its exit code, Ctrl-C into exit code 130."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from fleet.checkout import load_environment

        print_anything()
        load_environment()
        try:
            return function(*args, **kwargs)
        except OperatorError as error:
            sys.stdout.flush()
            raise Exit(printable(str(error)), code=error.code) from None
        except KeyboardInterrupt as interrupted:
            raise Exit(f"\n{str(interrupted) or 'Interrupted.'}", code=INTERRUPTED) from None
        except BrokenPipeError:
            # Anyone who read us (`| head`) has enough. Python would complain once more when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Exit(code=0) from None

    return wrapped


def finish(code: int) -> NoReturn:
    """End the verb with this exit code; what there was to say has been said."""
    sys.stdout.flush()
    raise Exit(code=code)


def hosts_to_read(pattern: str) -> list[Host]:
    """Return the hosts that a verb which only reads is meant for.

    Without `--host` the one that AIPBX_HOST names, else the inventory's first of production; which one is printed on
    stderr.

    Raises:
        OperatorError: an unknown host is named.
    """
    from fleet.inventory.hosts import default, load, select

    fleet = load()
    if pattern:
        return select(pattern, fleet)
    named = os.environ.get("AIPBX_HOST")
    chosen = select(named, fleet) if named else [default(fleet)]
    names = ", ".join(host.name for host in chosen)
    print(f"host: {names} (another: --host=…; the default: AIPBX_HOST in .env)", file=sys.stderr)
    return chosen


def hosts_to_change(pattern: str) -> list[Host]:
    """Return the hosts that a verb which changes something is meant for: always named, and `inv audit` shows it.

    Raises:
        OperatorError: no host is named, or an unknown one.
    """
    global _changes  # noqa: PLW0603
    _changes = True
    return named_hosts(pattern)


def named_hosts(pattern: str) -> list[Host]:
    """Return the hosts that a verb is meant for which must never take a default one.

    Raises:
        OperatorError: no host is named, or an unknown one.
    """
    from fleet.inventory.hosts import load, select

    if not pattern:
        raise OperatorError(
            "No host is named.",
            "A command that changes something takes no default host.",
            f"Add --host=<one of {', '.join(host.name for host in load())}, a group, or all>",
        )
    return select(pattern, load())


def remotes(hosts: list[Host]) -> list[Remote]:
    """Hosts as they are reached over SSH, their data checked; nothing is connected yet.

    Raises:
        OperatorError: a host's data is malformed, or every user could write a file that says who may log in.
    """
    from fleet.checkout import refuse_open_files
    from fleet.inventory import settings
    from fleet.remote import Remote

    refuse_open_files()
    reachable = [Remote(host.name, settings.of_host(host.name, host.data)) for host in hosts]
    for remote in reachable if _changes else ():
        record.reached(remote)
    return reachable


def change_each(hosts: Sequence[Remote], change: Callable[[Remote], object]) -> None:
    """Change hosts one after the other, until one fails; a dry run continues to each one's question.

    Raises:
        OperatorError: a host refuses, or what was begun there failed.
    """
    codes = []
    for host in hosts:
        try:
            change(host)
        except (dry_run.AtQuestionError, OperatorError) as ended:
            if not dry_run.active() or len(hosts) == 1:
                raise
            codes.append(ended.code)
            print(printable(str(ended.message if isinstance(ended, Exit) else ended)), file=sys.stderr)
    if code := worst(codes):
        finish(code)


def only(hosts: list[Host]) -> Remote:
    """Return the only host that is meant.

    Raises:
        OperatorError: there are several.
    """
    if len(hosts) > 1:
        raise OperatorError("This command takes one host.", f"{len(hosts)} match.", f"Add --host={hosts[0].name}.")
    return remotes(hosts)[0]


def agreed(question: str, *, yes: bool = False) -> bool:
    """Ask the operator; nothing but y or yes is consent.

    Args:
        question: what is asked, without a question mark.
        yes: the answer was given on the command line.

    Raises:
        OperatorError: there is no one to ask.
    """
    refuse_unasked(question, yes=yes)
    if yes:
        return True
    try:
        answer = input(f"{question}? [y/N] ").strip().lower()
    except EOFError:
        answer = ""
    record.answered(answer in ("y", "yes"))
    return answer in ("y", "yes")


def agree(subject: str, question: str, *, yes: bool) -> None:
    """Ask the operator, and end the verb where they do not agree.

    Args:
        subject: the host, or hosts, that stay as they are then.
        question: what is asked, without a question mark.
        yes: the answer was given on the command line.

    Raises:
        OperatorError: they do not, or there is no one to ask.
    """
    if not agreed(question, yes=yes):
        raise OperatorError(
            f"{subject}: nothing was done.", "The question was not answered with yes.", "Run the command again."
        )


def refuse_unasked(question: str, *, yes: bool) -> None:
    """End a dry run at a question, and refuse one that there is no one to answer.

    Args:
        question: what is about to be asked, without a question mark.
        yes: the answer was given on the command line.

    Raises:
        OperatorError: there is no one to ask.
    """
    if dry_run.active():
        dry_run.end(question)
    if not yes and not sys.stdin.isatty():
        raise OperatorError(
            "There is no terminal for the confirmation.",
            f"The question is: {question}?",
            "Add --yes to answer it beforehand.",
        )
