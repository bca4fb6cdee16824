"""What a terminal shows when somebody types a command there, and keys whenever it asks."""

from __future__ import annotations

import os
import pty
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import evidence
from tests.lab.pyinfra_run import Run

# Colours, moves of the cursor, and lines that are written over.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def shown(argv: Sequence[str], folder: Path, environment: Mapping[str, str], keys: bytes, seconds: int) -> Run:
    """Run a program there to its end.

    Args:
        argv: the program and its words.
        folder: where it is run.
        environment: its variables.
        keys: what is typed.
        seconds: how long it may take.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(argv[0], list(argv), dict(environment))  # noqa: S606
    text = b""
    os.write(terminal, keys)
    signal.alarm(seconds)
    try:
        while chunk := os.read(terminal, 65536):
            text += chunk
    except OSError:  # the terminal's way of saying that no one is there any more
        pass
    finally:
        signal.alarm(0)
        os.close(terminal)
        _, status = os.waitpid(child, 0)
    run = Run(os.waitstatus_to_exitcode(status), CONTROL.sub("", text.decode(errors="replace")))
    evidence.COMMANDS.add(list(argv), run.code, run.output)
    return run
