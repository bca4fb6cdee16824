"""Whether two backends would be up when the application's timers run: asked of the host, whose clock counts.

Asked before the operator is, and once more when what takes long is over (pulling, building); the host's switch itself
has the last look (aipbx_agent/release/overlap.py).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from fleet import agent
from fleet.errors import OperatorError
from fleet.output import say, step
from fleet.release.switch import goes_by

if TYPE_CHECKING:
    from fleet.release.plan import Plan
    from fleet.remote import Remote

PAUSE_SECONDS = 10


def refuse(remote: Remote, what: Plan, drain_seconds: int, *, waits: bool) -> None:
    """Refuse a deploy that would begin an overlap across a moment that data names, or say until when it will wait.

    Args:
        remote: the host.
        what: the deploy.
        drain_seconds: how long calls may go on.
        waits: whether it waits for a free moment instead.

    Raises:
        OperatorError: it would, or no moment is free; nothing was touched.
    """
    if found := _ahead(remote, what, drain_seconds):
        if not waits or found["seconds"] is None:
            raise _refusal(found)
        say(f"  {found['what']} It waits until {found['free']}.", "yellow")


def wait(remote: Remote, what: Plan, drain_seconds: int, *, waits: bool) -> None:
    """The same, when it is about to begin: with `waits`, it comes back once a moment is free.

    Raises:
        OperatorError: of `refuse`.
    """
    found = _ahead(remote, what, drain_seconds)
    if found is None:
        return
    if not waits or found["seconds"] is None:
        raise _refusal(found)
    # Of a clock: one that goes on. The host is asked again, as calls come and go.
    end = time.monotonic() + max(found["seconds"], drain_seconds) + PAUSE_SECONDS
    with step(f"waits until {found['free']}: the application's timers run once"):
        while found := _ahead(remote, what, drain_seconds):
            if found["seconds"] is None or time.monotonic() > end:
                raise _refusal(found)
            time.sleep(min(PAUSE_SECONDS, max(1, found["seconds"])))


def _ahead(remote: Remote, what: Plan, drain_seconds: int) -> dict[str, Any] | None:
    data = remote.settings
    overlaps = what.before is not None and "backend" in what.changed and data.switch_mode == "colours"
    if not (overlaps and data.application_timers):
        return None
    asked = {"settings": goes_by(remote), "services": what.changed, "drain_seconds": drain_seconds}
    found: dict[str, Any] | None = agent.ask(remote, ["overlap"], json.dumps(asked).encode())["overlap"]
    return found


def _refusal(found: dict[str, Any]) -> OperatorError:
    return OperatorError(found["what"], found["why"], found["do"])
