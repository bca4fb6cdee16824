"""The deploy lock held for a while, in the operator's name."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fleet import survey
from fleet.commands import lock
from fleet.errors import OperatorError
from fleet.progress import say

if TYPE_CHECKING:
    from datetime import datetime

    from fleet.deploy.plan import Plan
    from fleet.remote import Remote
    from fleet.survey import Survey


def operator() -> str:
    """Who types: account and machine."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


@contextmanager
def held(remote: Remote, what: Plan, found: Survey, since: datetime) -> Iterator[None]:
    """Hold the host's deploy lock, on a host that still is as it was when the operator agreed.

    Args:
        remote: the host.
        what: what is about to happen.
        found: the host as the operator saw it.
        since: now.

    Raises:
        OperatorError: somebody else holds it, or a release came in between.
    """
    app_dir = remote.settings.app_dir
    owner = f"{operator()}, {what.action}, since {since:%Y-%m-%d %H:%M:%S} UTC\n"
    done = remote.run(lock.acquire(app_dir), stdin=owner.encode())
    if done.code == lock.HELD:
        raise OperatorError(
            f"{remote.name} is locked: {done.out.strip() or 'by whom is not written down'}.",
            "Somebody began a moment ago.",
            "Wait for it, then run this again.",
        )
    try:
        if survey.take(remote).entries != found.entries:
            raise OperatorError(
                f"{remote.name}: another release came while you read.",
                "What you agreed to began from the one before.",
                "Run this again.",
            )
        yield
    finally:
        try:
            remote.sudo_output(lock.release(app_dir))
        except OperatorError as error:
            say(f"  The lock of {remote.name} is still there: {error.what} inv unlock --host={remote.name}", "yellow")
