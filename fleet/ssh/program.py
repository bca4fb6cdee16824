"""A program that this machine talks with while it runs, as the system's ssh: its errors are kept, its end is sure."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO


@dataclass
class Program:
    """One that runs.

    Attributes:
        stdin, stdout: what goes to it, and what it prints.
        code, errors: how it ended, and what it said on standard error; known afterwards.
    """

    stdin: IO[bytes]
    stdout: IO[bytes]
    code: int = 0
    errors: str = ""

    @property
    def last_words(self) -> str:
        """The end of its errors, in one line."""
        return " / ".join(line.strip() for line in self.errors.strip().splitlines()[-3:])[:600]


@contextmanager
def running(argv: Sequence[str]) -> Iterator[Program]:
    """Run a program meanwhile, and wait for its end; it is killed when something is wrong here."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdin and process.stdout  # noqa: S101, PT018  pipes
        program = Program(process.stdin, process.stdout)
        try:
            yield program
            with suppress(BrokenPipeError):  # its exit code says why
                program.stdin.close()
            process.wait()
        finally:
            process.kill()
            for pipe in (program.stdin, program.stdout):
                with suppress(BrokenPipeError):
                    pipe.close()
            program.code = process.wait()
            errors.seek(0)
            program.errors = errors.read().decode(errors="replace")
