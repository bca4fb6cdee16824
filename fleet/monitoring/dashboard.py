"""`inv dashboard`: Grafana of a host, on this machine, for as long as its operator looks.

One connection carries the tunnel and starts Grafana there: it ends with that connection, however this one does.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from fleet import agent
from fleet.command_line import record
from fleet.errors import FailedError
from fleet.inventory import monitoring as network
from fleet.output import Steps, say
from fleet.shell import ports
from fleet.ssh import ssh

if TYPE_CHECKING:
    from fleet.remote import Remote

NAME = "grafana"
# Who forgets a window does not keep half a GiB of a host's memory for ever.
MOST_SECONDS = 8 * 3600


def show(host: Remote, local: int) -> None:
    """Start it, bring it here, and stop it after Ctrl-C.

    Args:
        host: whose figures.
        local: the port here; 0: Grafana's own.

    Raises:
        OperatorError: the host refuses, or the local port is taken.
        FailedError: it did not start, or has ended by itself.
    """
    again = f"inv dashboard --host={host.name}"
    ports.refuse_invalid(local, again)
    here = ports.free(local or network.CONTAINERS[NAME][1], again)
    # This also has us say in our words what keeps us out.
    record.append(host, "dashboard", "begun")
    process = _started(host, f"127.0.0.1:{here}:{network.endpoint(host.settings, NAME)}")
    try:
        ended = _ended(host, process, here)
    finally:
        process.kill()
        process.wait()
    if not ended:
        raise FailedError(
            f"The connection to {host.name} was lost.", "Grafana ends there by itself.", f"Open it again: {again}"
        )
    say(f"Grafana of {host.name} is stopped.", "green")


def _started(host: Remote, forward: str) -> subprocess.Popen[bytes]:
    command = host.command_line(agent.command(["dashboard"]), MOST_SECONDS)
    options = ["-T", "-o", "ExitOnForwardFailure=yes", "-L", forward]
    argv = ssh.command(host.name, host.account, command, *options)
    # Ctrl-C is ours to answer: the host says when Grafana is gone.
    return subprocess.Popen([*agent.UNINTERRUPTED, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _ended(host: Remote, process: subprocess.Popen[bytes], here: int) -> bool:
    """Show how it goes until it ends; whether the host says that it has."""
    with Steps() as steps:
        try:
            return _followed(host, process, here, steps)
        except KeyboardInterrupt:
            steps.begin("stop Grafana")
            assert process.stdin is not None  # noqa: S101  a pipe, as it was started
            process.stdin.close()
            return _followed(host, process, here, steps)


def _followed(host: Remote, process: subprocess.Popen[bytes], here: int, steps: Steps) -> bool:
    for line in process.stdout or ():
        event = agent.event(line.decode(errors="replace"))
        outcome = agent.shown(event, steps)
        if "error" in outcome:
            raise agent.problem(host.name, outcome["error"])
        if "result" in outcome:
            return True
        if "done" in event:
            say(f"Grafana of {host.name} is http://127.0.0.1:{here} here, until Ctrl-C.", "green")
    return False
