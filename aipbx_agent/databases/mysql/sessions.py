"""MySQL's clients and dumps as programs that are talked with, so that they see one moment."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import last_words
from aipbx_agent.databases.mysql import dump_file

_MARK = "=== aipbx-agent ==="


@contextmanager
def session(argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that talks by pipes, ended afterwards."""
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def ended_after(seconds: float, *programs: subprocess.Popen[bytes]) -> Iterator[None]:
    """Programs that are ended when this takes longer: their readers then meet an end, and a lock of theirs is gone."""

    def end() -> None:
        for program in programs:
            program.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def ask(session: subprocess.Popen[bytes], sql: str) -> list[str]:
    """Return what a session answers, a line each."""
    assert session.stdin and session.stdout  # noqa: S101, PT018  pipes
    with suppress(BrokenPipeError):
        session.stdin.write(f"{sql}\nSELECT '{_MARK}';\n".encode())
        session.stdin.flush()
    lines: list[str] = []
    while raw := session.stdout.readline():
        line = raw.decode().rstrip("\n")
        if line == _MARK:
            return lines
        lines.append(line)
    errors = session.stderr.read() if session.stderr else b""
    raise Failed("The database could not be locked for a consistent backup.", last_words(errors), "inv logs mysql")


def begun(dump: subprocess.Popen[bytes]) -> bytes:
    """Read a dump until it names its first table: by then its transaction has begun.

    Returns: what was read.
    """
    assert dump.stdout  # noqa: S101  a pipe
    read = b""
    while b"\n-- Table structure" not in read and dump_file.ENDED not in read:
        line = dump.stdout.readline()
        if not line:
            errors = dump.stderr.read() if dump.stderr else b""
            raise Failed("mysqldump failed.", last_words(errors), "inv logs mysql")
        read += line
    return read
