"""Runs what is measured, and what prepares it; its output is kept when it fails."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet.errors import OperatorError

DEADLINE_SECONDS = 1800


def run(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path) -> str:
    """Run a program to its end.

    Args:
        command: its words.
        folder: where it runs.
        environment: all of it.
        log: a file that gets its output when it fails.

    Returns: its standard output.

    Raises:
        OperatorError: it failed; `why` is the end of what it said.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        raise OperatorError(
            f"{Path(command[0]).name} failed with exit code {done.returncode}.",
            " / ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]),
            f"Read {log}.",
        )
    return done.stdout
