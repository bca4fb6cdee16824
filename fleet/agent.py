"""The agent of a host, called over SSH: its events become an operator's lines.

A long verb runs in a unit of the host's: when the connection is lost or the operator leaves, it continues there.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tempfile
import threading
from dataclasses import replace
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any

from aipbx_agent.contract import CANCEL_SECONDS, COMMAND, VERSION
from fleet.command_line import hints, interrupt
from fleet.errors import FailedError, OperatorError
from fleet.output import Steps
from fleet.remote import Output
from fleet.ssh import ssh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fleet.remote import Remote

NOT_THERE = 127  # sh found no such program
# What the system's ssh says when it did not log in.
NEVER_IN = re.compile(r"^ssh: (?:connect to host|Could not resolve) |^Host key verification failed", re.MULTILINE)
QUICK_SECONDS = 120
# As long as a unit may run (aipbx_agent/core/detached.py).
ATTACHED_SECONDS = 12 * 3600
# Becomes the program behind it, with Ctrl-C ignored; ssh keeps that.
UNINTERRUPTED = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
# Of the inventory, what the host goes by in a run: as an operator's data say now, not as the host was converged.
GOES_BY = {
    "ready_seconds",
    "settle_seconds",
    "public_checks",
    "switch_mode",
    "application_timers",
    "background_work",
    "slow_paths",
}


class MissingError(OperatorError):
    """There is no agent on that host: it was never converged."""


def command(verb: Sequence[str], *options: str) -> str:
    """Return the command that runs a verb there and prints JSON lines.

    Args:
        verb: it and its arguments; they appear in the host's journal, so never with a secret in them.
        options: the program's, before the verb.
    """
    return shlex.join([COMMAND, f"--contract={VERSION}", *options, "--json", *verb])


def event(line: str) -> dict[str, Any]:
    """Return what a line means; a line that is none of ours is a note."""
    try:
        parsed = json.loads(line)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"note": line.rstrip()}


def problem(host: str, error: dict[str, Any]) -> OperatorError:
    """Return the error that the agent reported, with its host before it, and in the commands that it advises."""
    kind = OperatorError if error.get("code") == OperatorError.code else FailedError
    do = hints.with_host(str(error.get("do", "")), host)
    return kind(f"{host}: {error.get('what')}", str(error.get("why", "")), do)


def run(remote: Remote, verb: list[str], *, seconds: float, stdin: bytes = b"") -> dict[str, Any]:
    """Run a verb on a host and show how it continues.

    Args:
        verb: as `["backup"]`; never with a secret in it.
        seconds: how long to wait for its end.
        stdin: its standard input: the way for secrets.

    Returns: its result.

    Raises:
        OperatorError: the program refused, and nothing was touched.
        FailedError: it failed, or how it ended is not known here.
    """
    options = ["--detached", *(["--stdin"] if stdin else [])]
    return _followed(remote, verb, command(verb, *options), seconds, stdin)


def attach(remote: Remote) -> dict[str, Any]:
    """Show the run that continues on a host, from its beginning to its end, and return its result.

    Raises:
        OperatorError: nothing runs there.
        FailedError: it failed, or how it ended is not known here.
    """
    return _followed(remote, ["attach"], command(["attach"]), ATTACHED_SECONDS, b"")


def _followed(remote: Remote, verb: list[str], command_line: str, seconds: float, stdin: bytes) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    argv = ssh.command(remote.name, remote.account, remote.command_line(command_line, seconds), "-T")
    is_main_thread = threading.current_thread() is threading.main_thread()
    lines: SimpleQueue[bytes | None] = SimpleQueue()
    with tempfile.TemporaryFile() as errors, Steps() as steps, interrupt.caught(lambda: lines.put(None)):
        # Ctrl-C is ours to answer: it must not end the connection before the operator has said what they want.
        shield = UNINTERRUPTED if is_main_thread else ()
        process = subprocess.Popen([*shield, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        try:
            # Beside the reading: a program that talks before it has read everything must not wait for us.
            threading.Thread(target=_send, args=(process.stdin, stdin), daemon=True).start()
            threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
            for line in _until_end(lines, lambda: _interrupted(remote, verb[0], steps)):
                outcome |= shown(event(line.decode(errors="replace")), steps)
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        errors.seek(0)
        done = Output(code, "", errors.read().decode(errors="replace"))
    return _result(remote, verb[0], outcome, done, seconds)


def _interrupted(remote: Remote, verb: str, steps: Steps) -> None:
    if verb == "attach":
        raise KeyboardInterrupt(f"It continues on the host. {interrupt.hint(remote.name)}")
    interrupt.answer(remote.name, verb, steps, lambda: query(remote, ["cancel"], seconds=CANCEL_SECONDS))


def _read(pipe: IO[bytes] | None, lines: SimpleQueue[bytes | None]) -> None:
    for line in pipe or ():
        lines.put(line)
    lines.put(b"")


def _until_end(lines: SimpleQueue[bytes | None], interrupted: Callable[[], None]) -> Iterator[bytes]:
    """Yield a program's lines until its end; None among them is a Ctrl-C, which so loses no line."""
    while (line := lines.get()) != b"":
        if line is None:
            interrupted()
        else:
            yield line


def query(
    remote: Remote, verb: list[str], stdin: bytes = b"", *, fed_by: str = "", seconds: float = QUICK_SECONDS
) -> dict[str, Any]:
    """Return what a verb answers whose steps no one needs to see.

    Args:
        verb: as `["list"]`.
        stdin: its standard input.
        fed_by: a command of the host's whose output is its standard input instead: a secret that stays there.
        seconds: how long to wait for its end.

    Raises:
        OperatorError: the host cannot be reached or asked, or it refused.
        FailedError: it failed.
    """
    feed = f"{{ {fed_by}; }} | " if fed_by else ""
    done = remote.run(f"{feed}{command(verb)}", seconds=seconds, stdin=stdin)
    outcome: dict[str, Any] = {}
    for line in filter(None, done.out.split("\n")):  # no other character ends a line of JSON
        outcome |= event(line)
    # What it printed are events, not words.
    return _result(remote, verb[0], outcome, replace(done, out=""), seconds)


def _result(remote: Remote, verb: str, outcome: dict[str, Any], done: Output, seconds: float) -> dict[str, Any]:
    if "error" in outcome:
        raise problem(remote.name, outcome["error"])
    if done.code == 0 and "result" in outcome:
        result: dict[str, Any] = outcome["result"]
        return result
    raise _ended(remote, verb, done, seconds)


def _send(pipe: IO[bytes] | None, content: bytes) -> None:
    if pipe:
        try:
            pipe.write(content)
            pipe.close()
        except OSError:
            return  # it ended first, and its exit code says why


def shown(event: dict[str, Any], steps: Steps) -> dict[str, Any]:
    """Show an event; what is left of it is what came of the run."""
    if "step" in event:
        steps.begin(str(event["step"]))
    elif "progress" in event:
        steps.progress(*event["progress"])
    elif "done" in event:
        steps.end(str(event["done"]), float(event.get("seconds", 0)), good=True)
    elif "undone" in event:
        steps.end(str(event["undone"]), float(event.get("seconds", 0)), good=False)
    elif "note" in event:
        steps.note(str(event["note"]))
    return {key: event[key] for key in ("result", "error") if key in event}


def _ended(remote: Remote, verb: str, done: Output, seconds: float) -> OperatorError:
    code, output = done.code, done.last_words
    if code == NOT_THERE or "invalid choice" in done.err or "unrecognized arguments" in done.err:
        kind = MissingError if code == NOT_THERE else OperatorError
        return kind(
            f"{remote.name} has no agent yet, or an old one.",
            output,
            f"Converge it: pyinfra inventory.py deploys/bootstrap.py --limit {remote.name}",
        )
    if code == ssh.FAILED and not remote.connected and NEVER_IN.search(done.err):
        return OperatorError(
            f"{remote.name} cannot be reached.", output, f"Nothing was begun. inv doctor --host={remote.name} says why."
        )
    if code == ssh.FAILED:
        return FailedError(
            f"{remote.name}: the connection was lost during {verb}.",
            output,
            f"If it had begun, it continues on the host. {interrupt.hint(remote.name)}",
        )
    if code in {124, 137}:
        return FailedError(
            f"{remote.name}: {verb} did not end within {seconds:.0f} s.",
            "This machine no longer waits for it; the host's own deadline ends it.",
            interrupt.hint(remote.name),
        )
    return FailedError(f"{remote.name}: {verb} ended without a result.", output, interrupt.hint(remote.name))
