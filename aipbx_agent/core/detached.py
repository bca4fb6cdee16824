"""A run inside a unit of systemd's: it continues when the operator's connection is lost, and is cleaned up after."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from aipbx_agent.contract import COMMAND, UNIT
from aipbx_agent.core import lock
from aipbx_agent.core.errors import Failed, Refused

# In memory, and root's alone: a secret may come through it.
FOLDER = "/run"
LOCKS = Path("/run/lock")
# What systemd says of a unit that is gone; one that is cleaned up after is `deactivating`.
ENDED = {"inactive", "failed", "unknown"}
# A call must not wait for a backup. What has not ended after a night does not end. A swap of a restore that was cut off
# is taken back before the unit has ended.
LIMITS = ("Nice=10", "IOSchedulingClass=idle", "CPUWeight=20", "TimeoutStopSec=240", "RuntimeMaxSec=12h")
# A switch is short of nothing, and what ends one that was killed may wait for calls to end (`drain_seconds`).
SWITCH_LIMITS = ("TimeoutStopSec=5h", "RuntimeMaxSec=12h")


def unit(argv: list[str], verb: str, log: str, stdin: str = "", *, watched: bool) -> list[str]:
    """Return the command that runs `aipbx-agent WORDS` in a unit and waits for its end.

    Args:
        argv: of the command line.
        verb: what it does.
        log: the file that gets its output.
        stdin: the file that is its standard input; empty: it has none.
        watched: whether the team is notified when it ends without reporting how.
    """
    limits = SWITCH_LIMITS if verb == "switch" else LIMITS
    ends = f"ExecStopPost={COMMAND} cleanup" + (f" --after {verb}" if watched else "")
    properties = (*limits, f"StandardOutput=append:{log}", f"StandardError=append:{log}", ends)
    options = [f"--property={prop}" for prop in properties]
    name = f"--unit={UNIT}{verb}"
    # Not by StandardInput=: what follows its end would want that file too, which goes with the caller.
    program = ["/bin/sh", "-c", 'exec "$@" <"$0"', stdin, COMMAND] if stdin else [COMMAND]
    return ["systemd-run", "--quiet", "--collect", "--wait", name, *options, *program, *argv]


def run(argv: list[str], verb: str, *, watched: bool) -> int:
    """Start the unit, repeat what it says until it ends, and return its exit code.

    Args:
        argv: of the command line; with `--stdin`, it gets all that our standard input has.
        verb: what it does, for the unit's name.
        watched: whether the team is notified when it ends without reporting how.

    Raises:
        Refused: one of this kind runs, is about to, or is cleaned up after.
        Failed: it could not tell itself how it ended.
    """
    # systemd-run says nothing that we could pass on when a unit of that name is there.
    with lock.held(f"detached {verb}", LOCKS / f"{UNIT}{verb}"):
        _refuse_running(verb)
        return _waited_for(argv, verb, watched=watched)


def _refuse_running(verb: str) -> None:
    argv = ["systemctl", "is-active", f"{UNIT}{verb}"]
    state = subprocess.run(argv, check=False, timeout=60, stdout=subprocess.PIPE, text=True).stdout.strip()
    if state not in ENDED:
        raise Refused(f"A {verb} runs already.", f"systemctl status {UNIT}{verb}: {state}", "Wait until it has ended.")


def _waited_for(argv: list[str], verb: str, *, watched: bool) -> int:
    with _file() as log, _file() as stdin:
        if "--stdin" in argv:
            shutil.copyfileobj(sys.stdin.buffer, stdin)
            stdin.flush()
        repeated = [word for word in argv if word != "--stdin"]
        waiting = subprocess.Popen(
            unit(repeated, verb, log.name, stdin.name if "--stdin" in argv else "", watched=watched)
        )
        with Path(log.name).open("rb") as reading:
            while waiting.poll() is None:
                _repeat(reading.read())
                time.sleep(0.1)
            _repeat(reading.read())
    if waiting.returncode not in {0, Failed.code, Refused.code}:
        raise Failed(
            f"The {verb} was stopped from outside.",
            f"Its unit was stopped or killed ({UNIT}{verb}, {waiting.returncode}); what it left is removed.",
            f"Find out by what: journalctl -u {UNIT}{verb}",
        )
    return waiting.returncode


def _file() -> IO[bytes]:
    return tempfile.NamedTemporaryFile(prefix=f"{UNIT}{os.getpid()}-", dir=FOLDER)


def clear(folder: str = FOLDER) -> None:
    """Delete the files of callers that were killed; the name says whose each is."""
    for path in Path(folder).glob(f"{UNIT}*-*"):
        caller = path.name.removeprefix(UNIT).partition("-")[0]
        if not Path("/proc", caller).exists():
            path.unlink(missing_ok=True)


def _repeat(output: bytes) -> None:
    sys.stdout.buffer.write(output)
    sys.stdout.buffer.flush()
