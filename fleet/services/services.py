"""Services of the release that runs: started, stopped, restarted on the host, under its deploy lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fleet import agent
from fleet.cli import agree
from fleet.output import say, step
from fleet.release.checks import preconditions
from fleet.release.lock import recovery
from fleet.state import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.remote import Remote
    from fleet.state.survey import Survey

Action = Literal["start", "stop", "restart"]
SECONDS = 1800
# What users lose while a service is down.
_MEANS = {
    "postgres": "requests that need the database fail",
    "backend": "API, Socket.IO and calls end",
    "frontend": "pages are not served",
    "nginx": "nothing is served",
}


def act(remote: Remote, action: Action, services: Sequence[str], *, yes: bool) -> None:
    """Say what it means, ask, do it.

    Args:
        action: what is done.
        services: with which; none: with all.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: a service does not come up.
    """
    with step("host"):
        state = survey.take(remote)
    preconditions.refuse_unready(remote.name, state, remote.settings)
    if action != "stop":
        state = recovery.settled(remote, state)
    named = ", ".join(services) or "all services"
    say(f"{remote.name}: {action} {named}", "bold")
    for line in consequences(action, services, state):
        say(f"  {line}", "yellow")
    agree(remote.name, f"{action} {named} on {remote.name}", yes=yes)
    agent.run(remote, ["services", action, *services], seconds=SECONDS)
    say(f"{remote.name}: {named}: {action}: done.", "green")


def consequences(action: Action, services: Sequence[str], state: Survey) -> list[str]:
    """Return what users notice, a line each; nothing where only what is down is started.

    Args:
        action: what is done.
        services: with which; none: with all.
        state: the host.
    """
    if action == "start":
        return []
    until = "until inv start" if action == "stop" else "while it starts"
    up = [
        name for name in services or _MEANS if name in state.containers and state.containers[name].status == "running"
    ]
    lines = [f"INTERRUPTS: {_MEANS[name]} {until} ({name})." for name in up if name in _MEANS]
    return [*lines, f"{state.calls} RTP flows are live and will be cut."] if state.calls and "backend" in up else lines
