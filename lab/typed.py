"""Commands that the lab runs for its user, shown as an operator types them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.topology import Lab

# Seconds without a line after which one wonders whether a command continues.
SILENCE_SECONDS = 10


def run(lab: Lab, command: Sequence[str]) -> None:
    """Show a command, and run it in the checkout with the lab's SSH configuration.

    Args:
        command: A program of the checkout's Python environment, and its arguments.

    Raises:
        LabError: It failed; its own output says why.
    """
    print(f"\n$ {shlex.join(command)}", flush=True)
    began = time.monotonic()
    code = shown(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]],
        lab.root,
        {**os.environ, "AIPBX_SSH_CONFIG": str(lab.directory / "ssh_config")},
    )
    if code != 0:
        raise LabError(
            f"{shlex.join(command)} ended with exit code {code}",
            "its own lines above say why",
            "fix that, then run the same command again: what is done stays done",
        )
    print(f"({time.monotonic() - began:.0f} s)", flush=True)


def shown(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run a command and return its exit code. On a terminal it shows by itself that it continues; a pipe gets a line.

    Args:
        command: A program and its arguments.
        folder: Where.
        environment: Its variables.
    """
    if sys.stdout.isatty():
        return subprocess.run(command, cwd=folder, env=environment, check=False).returncode
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines: Queue[str] = Queue()
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        _print(lines)
    return process.returncode


def _read(process: subprocess.Popen[str], lines: Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)
    lines.put("")


def _print(lines: Queue[str]) -> None:
    """Print lines as they come, up to an empty one, and what is being waited for when none comes."""
    last, since = "", time.monotonic()
    while True:
        try:
            line = lines.get(timeout=SILENCE_SECONDS)
        except Empty:
            print(f"  … {last.strip()} ({time.monotonic() - since:.0f} s)", flush=True)
            continue
        if not line:
            return
        last, since = line if line.strip() else last, time.monotonic()
        print(line, end="", flush=True)
