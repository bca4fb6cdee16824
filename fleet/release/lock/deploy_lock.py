"""The deploy lock held for a while, in the operator's name."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from aipbx_agent.contract import CI
from aipbx_agent.release import releases
from fleet import agent
from fleet.checkout import is_ci
from fleet.errors import OperatorError
from fleet.output import say
from fleet.release.lock import lock_status
from fleet.state import survey

if TYPE_CHECKING:
    from fleet.remote import Remote
    from fleet.state.survey import Survey


# As long as the longest drain (fleet/release/rollout/each_host.py), and an hour for what stands before it.
WAIT_SECONDS = 18000
PAUSE_SECONDS = 2


class Doing(Protocol):
    """What is about to happen to a host: a deploy's plan, say."""

    @property
    def action(self) -> str:
        """Its name, as in `deploy`."""


@dataclass
class Held:
    """The lock while it is ours.

    Attributes:
        owner: what is written into it; the host holds it on when it carries out the rest.
        given_back: whether the host has given it back already, at the end of its part.
    """

    owner: str
    given_back: bool = False


def operator() -> str:
    """Return who types: account and machine."""
    return f"{CI if is_ci() else getpass.getuser()}@{socket.gethostname()}"


def take(remote: Remote, reason: str) -> None:
    """Lock a host, until `inv unlock`: no release comes to it meanwhile.

    Args:
        reason: the reason, shown to anyone who is refused.

    Raises:
        OperatorError: there is no reason, or the host is locked or has no application yet.
    """
    if not reason or not reason.isprintable():
        raise OperatorError(
            "A lock needs a reason, in one line.", "Anyone who is refused sees it.", "inv lock --host=… --reason='…'"
        )
    owner = f"{operator()}, {reason}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    agent.query(remote, ["lock"], owner.encode())
    say(f"{remote.name}: locked: {owner}. inv unlock --host={remote.name}", "green")


def wait(remote: Remote) -> None:
    """Wait until no one has a host's lock, WAIT_SECONDS at most: the refusal names who still has it then.

    One whose run is gone is not waited for: no one would give it back.
    """
    end, last = time.monotonic() + WAIT_SECONDS, ""
    while (state := survey.take(remote)).lock and time.monotonic() < end:
        if state.lock_standing in lock_status.GONE:
            return
        if state.lock != last:
            say(f"{remote.name}: waiting for {state.lock}", "yellow")
        last = state.lock
        time.sleep(PAUSE_SECONDS)


@contextmanager
def held(remote: Remote, what: Doing, state: Survey, since: datetime) -> Iterator[Held]:
    """Hold the host's deploy lock, on a host that still is as it was when the operator agreed.

    Args:
        what: what is about to happen.
        state: the host as the operator saw it.
        since: now.

    Raises:
        OperatorError: someone else holds it, or a release came in between.
    """
    ours = Held(f"{operator()}, {what.action}, since {since:%Y-%m-%d %H:%M:%S} UTC")
    ledger = agent.query(remote, ["lock", "--tied"], ours.owner.encode())["ledger"]
    try:
        if releases.of(ledger) != state.entries:
            raise OperatorError(
                f"{remote.name}: another release was deployed meanwhile.",
                "Your confirmation was for the previous release.",
                "Run this again.",
            )
        yield ours
    finally:
        if not ours.given_back:
            _give_back(remote, ours)


def _give_back(remote: Remote, ours: Held) -> None:
    try:
        agent.query(remote, ["unlock"], ours.owner.encode())
    except OperatorError as error:
        say(f"  The lock of {remote.name} is still there: {error.what} inv unlock --host={remote.name}", "yellow")
