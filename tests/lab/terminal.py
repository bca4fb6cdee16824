"""A program at a terminal of its own: what it shows is read until a question comes, which is then answered."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lab import wait
from tests.lab.pyinfra_run import Run

INV = str(Path(sys.executable).parent / "inv")
CONTROL_C, CONTROL_D = b"\x03", b"\x04"
DEADLINE_SECONDS = 600
# Colours, and what moves the cursor.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """`inv …` at a terminal.

    Args:
        folder: where it is typed.
        environment: the shell's variables.
        words: behind `inv`.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], words: Sequence[str]) -> None:
        self._shown, self._answered = "", 0
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            # A shell starts what runs in the background with Ctrl-C ignored; whoever sits at a terminal can press it.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.chdir(folder)
            os.execve(INV, [INV, *words], dict(environment))  # noqa: S606
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))

    def answer(self, question: str, keys: bytes) -> None:
        """Wait until a question is asked, and type these keys."""
        self._wait_for(question)
        # Between its question and its reading, Python would note a Ctrl-C, and wait for another key all the same.
        wait.until(self._is_reading, DEADLINE_SECONDS, f"{question!r} is asked", "look at /proc/*/syscall")
        os.write(self._terminal, keys)

    def press(self, shown: str, keys: bytes) -> None:
        """Wait until something new is shown, and type these keys in the middle of it."""
        self._wait_for(shown)
        os.write(self._terminal, keys)

    def _wait_for(self, text: str) -> None:
        end = time.monotonic() + DEADLINE_SECONDS
        while text not in self._shown[self._answered :]:
            assert self._read(end - time.monotonic()), f"{text!r} never came:\n{self._shown}"
        self._answered = len(self._shown)

    def _is_reading(self) -> bool:
        """Whether a program in the foreground waits for keys: the first argument of its system call is the terminal."""
        group = os.tcgetpgrp(self._terminal)
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getpgid(int(folder.name)) == group and (folder / "syscall").read_text().split()[1:2] == ["0x0"]:
                    return True
        return False

    def ended(self) -> Run:
        """Wait for its end."""
        end = time.monotonic() + DEADLINE_SECONDS
        while self._read(end - time.monotonic()):
            pass
        os.close(self._terminal)
        _, status = os.waitpid(self._child, 0)
        return Run(os.waitstatus_to_exitcode(status), self._shown)

    def _read(self, seconds: float) -> bool:
        """Take in what is shown next; False: there is no one any more."""
        assert select.select([self._terminal], [], [], max(seconds, 0))[0], f"nothing happens:\n{self._shown}"
        try:
            chunk = os.read(self._terminal, 65536)
        except OSError:  # the terminal's way of saying so
            return False
        self._shown += _ESCAPES.sub("", chunk.decode(errors="replace")).replace("\r", "")
        return bool(chunk)
