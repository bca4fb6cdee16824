"""Whether two backends would be up when the application's timers run: asked of the host, whose clock counts.

Known before the operator is asked, and checked once more when what takes long is over (pulling, building), by the
host itself (aipbx_agent/release/prepare.py), whose switch has the last look (aipbx_agent/release/switch/overlap.py).
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
    from fleet.state.preflight import Preflight

PAUSE_SECONDS = 10


def refuse(remote: Remote, what: Plan, preflight: Preflight, *, waits: bool) -> None:
    """Refuse a deploy that would begin an overlap across a moment that data names, or say until when it will wait.

    Args:
        what: the deploy.
        preflight: what it would meet there.
        waits: whether it waits for a free moment instead.

    Raises:
        OperatorError: it would, or no moment is free; nothing was touched.
    """
    answer = preflight.overlap if possible(remote, what) else None
    if answer:
        if not waits or answer["seconds"] is None:
            raise _refusal(answer)
        say(f"  {answer['what']} It waits until {answer['free']}.", "yellow")


def wait(remote: Remote, what: Plan, drain_seconds: int) -> None:
    """Come back once a moment is free, when it is about to begin.

    Raises:
        OperatorError: of `refuse`.
    """
    answer = _ahead(remote, what, drain_seconds)
    if answer is None:
        return
    if answer["seconds"] is None:
        raise _refusal(answer)
    # Of a clock: one that continues. The host is asked again, as calls come and go.
    end = time.monotonic() + max(answer["seconds"], drain_seconds) + PAUSE_SECONDS
    with step(f"waits until {answer['free']}: the application's timers run once"):
        while answer := _ahead(remote, what, drain_seconds):
            if answer["seconds"] is None or time.monotonic() > end:
                raise _refusal(answer)
            time.sleep(min(PAUSE_SECONDS, max(1, answer["seconds"])))


def possible(remote: Remote, what: Plan) -> bool:
    """Return whether two backends are up at all in this release, on a host that names timers."""
    data = remote.settings
    overlaps = what.before is not None and "backend" in what.changed and data.switch_mode == "colours"
    return overlaps and bool(data.application_timers)


def _ahead(remote: Remote, what: Plan, drain_seconds: int) -> dict[str, Any] | None:
    if not possible(remote, what):
        return None
    request = {"settings": goes_by(remote), "services": what.changed, "drain_seconds": drain_seconds}
    answer: dict[str, Any] | None = agent.query(remote, ["overlap"], json.dumps(request).encode())["overlap"]
    return answer


def _refusal(answer: dict[str, Any]) -> OperatorError:
    return OperatorError(answer["what"], answer["why"], answer["do"])
