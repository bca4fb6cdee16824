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
    found = [one for one in runs.current() if one.process]
    if not found:
        raise nothing(config)
    for other in found[1:]:
        events.note(f"{other.verb} runs, too, since {other.since}.")
    events.note(f"{found[0].verb} runs, since {found[0].since}:")
    # Its file is deleted when its caller goes away; the process has it open all the same.
    with Path(f"/proc/{found[0].process}/fd/1").open("rb") as output:
        last = _repeated(output, found[0])
    if not _ended(last):
        raise Failed(
            f"The {found[0].verb} was ended from outside.",
            "Its unit was stopped or killed; what it left is taken away.",
            f"Who or what did so: journalctl -u {found[0].unit}",
        )


def nothing(config: Config) -> Refused:
    """Return the refusal of a host on which nothing runs."""
    return Refused(
        f"Nothing runs on {config.host} now.",
        "No run that an operator began is under way.",
        f"How it ended: inv status --host={config.host}; inv releases --host={config.host}",
    )


def _repeated(output: BinaryIO, one: Run) -> bytes:
    """Repeat the output of a run until it has ended, and return its last line."""
    said = b""
    while True:
        runs_on = one.verb in {other.verb for other in runs.current()}
        while chunk := output.read():
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            said = (said + chunk)[-65536:]
        if not runs_on:
            return said.rstrip().rpartition(b"\n")[2]
        time.sleep(PAUSE_SECONDS)


def _ended(last: bytes) -> bool:
    try:
        event = json.loads(last)
    except ValueError:
        return False
    return isinstance(event, dict) and bool(event.keys() & {"result", "error"})
