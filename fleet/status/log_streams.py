"""The logs of several hosts at once, line by line, as their services write them."""

from __future__ import annotations

import queue
import re
import shlex
import subprocess
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fleet.commands import compose
from fleet.errors import FailedError, OperatorError
from fleet.ssh import ssh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleet.remote import Remote

# A host and its next line, or why it has no more.
Item = tuple[str, str | OperatorError]
# `backend-blue-1  | 2026-11-23T10:00:00.000000000Z text`, as Compose prints it.
LINE = re.compile(r"^(?P<service>\S+?)-\d+\s+\| (?P<time>\S+Z) ?(?P<text>.*)$")
# Compose clears the line before it writes one, whatever its settings; several services at once do so one upon another.
CLEARED = "\x1b[2K"


def lines(hosts: Sequence[Remote], services: list[str], *, follow: bool, since: str, tail: str) -> Iterator[Item]:
    """Yield each line with its host, the oldest first, with `follow` as they come; an error where a host has no more.

    Args:
        hosts: of which hosts.
        services: of which services; none: of all.
        follow: whether to continue.
        since: a time or age that Docker understands; empty: all.
        tail: how many lines of each service, or `all`.
    """
    waiting: queue.Queue[Item | None] = queue.Queue(maxsize=10000)
    with ExitStack() as stack:
        for host in hosts:
            command = compose.logs(host.settings.compose_project, services, follow=follow, since=since, tail=tail)
            # A terminal there: when this end goes away, the host hangs up on the command, and nothing stays behind.
            process = subprocess.Popen(
                ssh.command(host.name, host.settings.deploy_user, f"sudo -n sh -c {shlex.quote(command)}", "-tt"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            stack.callback(_end, process)
            threading.Thread(target=_read, args=(host, process, waiting), daemon=True).start()
        open_hosts, kept = len(hosts), []
        while open_hosts:
            item = waiting.get()
            if item is None:
                open_hosts -= 1
            elif follow:
                yield item
            else:
                kept.append(item)
        yield from sorted(kept, key=_time)


def _time(item: Item) -> str:
    """Return when a line was written; what is none comes last."""
    matched = LINE.match(item[1]) if isinstance(item[1], str) else None
    return matched["time"] if matched else "~" if isinstance(item[1], OperatorError) else ""


def _read(host: Remote, process: subprocess.Popen[str], waiting: queue.Queue[Item | None]) -> None:
    assert process.stdout is not None  # noqa: S101  a pipe
    assert process.stderr is not None  # noqa: S101  a pipe
    for line in process.stdout:
        waiting.put((host.name, line.rstrip("\r\n").replace(CLEARED, "")))
    output = process.stderr.read().strip()
    if code := process.wait():
        problem = _unreachable(host) if code == ssh.FAILED else None
        waiting.put((host.name, problem or _ended(host.name, output or f"exit code {code}, no output")))
    waiting.put(None)


def _ended(host: str, output: str) -> FailedError:
    return FailedError(f"{host}: its logs ended.", output, f"inv status --host={host}, then run this again.")


def _unreachable(host: Remote) -> OperatorError | None:
    """Return what keeps us out of a host, in our words instead of ssh's; None: nothing does."""
    try:
        host.run("true")
    except OperatorError as error:
        return error
    return None


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    process.wait(timeout=10)
