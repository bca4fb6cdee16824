"""One shell on a host that carries out commands in turn: a channel, a sudo and its session for all of them."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

CHUNK_BYTES = 65536


class EndedError(Exception):
    """The shell is gone, or did not begin."""


class Channel(Protocol):
    """What is needed of a channel of SSH."""

    def settimeout(self, timeout: float | None) -> None:
        """Seconds after which waiting ends with a TimeoutError."""

    def sendall(self, data: bytes) -> None:
        """Send all of it."""

    def recv(self, nbytes: int) -> bytes:
        """Wait for some of standard output; empty: it has ended."""

    def recv_stderr(self, nbytes: int) -> bytes:
        """The same of standard error."""


class Shell:
    """Commands one after another, each in a process of its own, with its exit code and both its outputs.

    Args:
        channel: one in which a shell reads its standard input.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._errors = ThreadPoolExecutor(max_workers=1)

    def run(self, command: str, timeout: float | None = None) -> tuple[int, list[str], list[str]]:
        """Carry out a command.

        Args:
            command: for sh.
            timeout: seconds without a sign of life.

        Returns: its exit code, and the lines of its standard output and standard error.

        Raises:
            EndedError: the shell has ended; what became of the command is not known.
            TimeoutError: there was none; the shell is of no more use.
        """
        mark = secrets.token_hex(16)
        mark_end = f"printf '\\n%s %s\\n' {mark}"
        script = f"sh -c {shlex.quote(command)} </dev/null; {mark_end} $?; {mark_end} 0 >&2\n"
        self._channel.settimeout(timeout)
        try:
            self._channel.sendall(script.encode())
            errors = self._errors.submit(_until, self._channel.recv_stderr, mark.encode())
            text, code = _until(self._channel.recv, mark.encode())
            return code, _lines(text), _lines(errors.result()[0])
        except TimeoutError:
            raise
        except OSError as error:
            raise EndedError from error


def _until(receive: Callable[[int], bytes], mark: bytes) -> tuple[str, int]:
    """Return what comes before a mark, and the number behind it."""
    data = b""
    while not (marked := data.partition(b"\n" + mark + b" "))[2].endswith(b"\n"):
        chunk = receive(CHUNK_BYTES)
        if not chunk:
            raise EndedError
        data += chunk
    return marked[0].decode(errors="replace"), int(marked[2])


def _lines(text: str) -> list[str]:
    """Return the lines of a text, as one reads them from a file."""
    return text.removesuffix("\n").split("\n") if text else []
