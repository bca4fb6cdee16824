"""`aipbx-agent attach`: repeat what a run says that an operator began and left, from its beginning to its end."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import BinaryIO

from aipbx_agent.core import events, runs
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.runs import Run

PAUSE_SECONDS = 0.5


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def main(config: Config, options: argparse.Namespace) -> None:
    """Repeat it.

    Raises:
        Refused: nothing runs.
        Failed: the run was ended from outside, and cannot tell how it ended.
    """
    del options
    running = [run for run in runs.current() if run.process]
    if not running:
        raise nothing(config)
    for other in running[1:]:
        events.note(f"{other.verb} runs, too, since {other.since}.")
    events.note(f"{running[0].verb} runs, since {running[0].since}:")
    # Its file is deleted when its caller goes away; the process has it open all the same.
    with Path(f"/proc/{running[0].process}/fd/1").open("rb") as output:
        last = _repeated(output, running[0])
    if not _ended(last):
        raise Failed(
            f"The {running[0].verb} was ended from outside.",
            "Its unit was stopped or killed; what it left is taken away.",
            f"Who or what did so: journalctl -u {running[0].unit}",
        )


def nothing(config: Config) -> Refused:
    """Return the refusal of a host on which nothing runs."""
    return Refused(
        f"Nothing runs on {config.host} now.",
        "No run that an operator began is under way.",
        f"How it ended: inv status --host={config.host}; inv releases --host={config.host}",
    )


def _repeated(output: BinaryIO, current: Run) -> bytes:
    """Repeat the output of a run until it has ended, and return its last line."""
    tail = b""
    while True:
        runs_on = current.verb in {other.verb for other in runs.current()}
        while chunk := output.read():
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-65536:]
        if not runs_on:
            return tail.rstrip().rpartition(b"\n")[2]
        time.sleep(PAUSE_SECONDS)


def _ended(last: bytes) -> bool:
    try:
        event = json.loads(last)
    except ValueError:
        return False
    return isinstance(event, dict) and bool(event.keys() & {"result", "error"})
