"""Other programs: with a deadline, their words kept, no secret on a command line."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from aipbx_agent.core.errors import Failed

# Seconds that a program gets to end when the last of its pipe has.
GRACE_SECONDS = 30
ERROR = re.compile(r"\b(ERROR|FATAL|PANIC|error|fatal): ")
# How pg_restore names the object that it was at, which command failed, and what it says of the next thing.
_AT = re.compile(r"pg_restore: from TOC entry \d+; \d+ \d+ (.+)")
COMMAND, _NEXT = "Command was: ", "pg_restore: "
_WORKER = "a worker process died unexpectedly"
_LONGEST_COMMAND = 400
_PIECE = 1 << 20


def run(
    argv: Sequence[str],
    *,
    seconds: float,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    into: Path | None = None,
    source: Path | None = None,
    fine: Collection[int] = (0,),
) -> bytes:
    """Run a program that must succeed, and return what it printed.

    Args:
        argv: its words; they appear in `ps`, so never with a secret in them.
        seconds: its deadline.
        stdin: its standard input.
        env: its whole environment; None: ours.
        into: a file that gets its standard output instead; must not exist yet.
        source: a file that is its standard input instead of `stdin`.
        fine: the exit codes of success.

    Raises:
        Failed: it did not; `why` is the end of what it said.
    """
    reading: IO[bytes] | None = source.open("rb") if source else None
    writing: IO[bytes] | None = into.open("xb") if into else None
    try:
        result = subprocess.run(
            list(argv),
            stdin=reading,
            input=None if reading else stdin,
            stdout=writing or subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(argv, seconds) from None
    except OSError as problem:
        raise _cannot_run(argv, problem) from None
    finally:
        for stream in (reading, writing):
            if stream:
                stream.close()
    if result.returncode not in fine:
        raise Failed(
            f"{named(argv)} failed with exit code {result.returncode}.", last_words(result.stderr), "Fix the cause."
        )
    return result.stdout or b""


def attempt(
    argv: Sequence[str], *, seconds: float, stdin: bytes = b"", env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run a program that may fail.

    Args:
        argv: its words; never with a secret in them.
        seconds: its deadline.
        stdin: its standard input.
        env: its whole environment; None: ours.

    Returns: its exit code, and all that it printed, errors included.

    Raises:
        Failed: there is no such program, or it did not end in time.
    """
    try:
        result = subprocess.run(
            list(argv),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(argv, seconds) from None
    except OSError as problem:
        raise _cannot_run(argv, problem) from None
    return result.returncode, result.stdout.decode(errors="replace")


def pipe(commands: Sequence[Sequence[str]], *, seconds: float, source: Path | None = None) -> bytes:
    """Run programs, each reading what the one before it writes; every one of them must succeed.

    Args:
        commands: their words; never with a secret in them.
        seconds: the deadline for all.
        source: a file that the first one reads.

    Returns: what the last one printed.

    Raises:
        Failed: one did not succeed; the first that complains is named, and all are ended.
    """
    with _started(commands, source) as started:
        last = started[-1][1]
        try:
            out, _ = last.communicate(timeout=seconds)
            for _, process, _ in started:
                process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(
                f"{named(commands[0])} did not end within {seconds:.0f} s.", "It was killed.", "Check the host."
            ) from None
        # 13 is SIGPIPE: its reader went away, and the reader's own words tell why.
        _refuse_failed(started, {0, -13})
        if any(process.returncode for _, process, _ in started):
            raise Failed(f"{named(commands[0])} was interrupted.", "Its reader ended early.", "Check the host.")
        return out


def stream(
    commands: Sequence[Sequence[str]], *, source: Path | None = None, env: dict[str, str] | None = None
) -> Iterator[bytes]:
    """Yield what the last of several programs prints, each reading what the one before it writes, while it prints.

    Args:
        commands: their words; never with a secret in them.
        source: a file that the first one reads.
        env: their whole environment; None: ours.

    Raises:
        Failed: after the last piece, when one of them did not succeed: what came before is then not whole.
    """
    with _started(commands, source, env) as started:
        reading = started[-1][1].stdout
        try:
            while reading and (piece := reading.read(_PIECE)):
                yield piece
            for _, process, _ in started:
                process.wait(timeout=GRACE_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise Failed(f"{named(commands[0])} did not run to its end.", str(problem), "Check the host.") from None
        _refuse_failed(started, {0})


# A program's words, itself, and the file that gets its errors.
_Started = list[tuple[Sequence[str], "subprocess.Popen[bytes]", IO[bytes]]]


@contextmanager
def _started(
    commands: Sequence[Sequence[str]], source: Path | None, env: dict[str, str] | None = None
) -> Iterator[_Started]:
    """Programs that run, each reading what the one before it writes; afterwards none of them runs."""
    started: _Started = []
    with ExitStack() as stack:
        reading: IO[bytes] | None = stack.enter_context(source.open("rb")) if source else None
        try:
            for argv in commands:
                errors: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())
                try:
                    process = subprocess.Popen(
                        list(argv), stdin=reading or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=env
                    )
                except OSError as problem:
                    raise _cannot_run(argv, problem) from None
                if reading:
                    reading.close()  # it belongs to the program now, which shall learn when its reader is gone
                started.append((argv, process, errors))
                reading = process.stdout
            yield started
        finally:
            for _, process, _ in started:
                _end(process)


def _refuse_failed(started: _Started, fine: Collection[int]) -> None:
    for argv, process, errors in started:
        if process.returncode not in fine:
            errors.seek(0)
            raise Failed(
                f"{named(argv)} failed with exit code {process.returncode}.",
                last_words(errors.read()),
                "Fix the cause.",
            )


def _too_slow(argv: Sequence[str], seconds: float) -> Failed:
    return Failed(f"{argv[0]} did not end within {seconds:.0f} s.", "It was killed.", "Check the host.")


def _cannot_run(argv: Sequence[str], problem: OSError) -> Failed:
    return Failed(f"{argv[0]} cannot be run.", str(problem), "Converge the host.")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def named(argv: Sequence[str]) -> str:
    """Return the program that a command is about, for a message: of `docker exec … pg_dump -U x`, `pg_dump`."""
    plain = [word for word in argv if "/" not in word and not word.startswith("-")]
    for word in plain:
        if word.startswith(("pg_", "psql", "mysql", "mariadb")):
            return word
    return argv[0].rpartition("/")[2]


def last_words(errors: bytes | None) -> str:
    """What a program said that explains why, in one line: its first errors where it calls them so, else the end."""
    lines = [line.strip() for line in (errors or b"").decode(errors="replace").strip().splitlines()]
    texts = [line for line in lines if ERROR.search(line) and _WORKER not in line][:2] or lines[-4:]
    return " / ".join([*texts, *_command(lines)])[:1200] or "It printed no message."


def _command(lines: list[str]) -> list[str]:
    """Of pg_restore's first error: within what it came, the object, and the command."""
    first = next((number for number, line in enumerate(lines) if ERROR.search(line)), len(lines))
    end = next((number for number in range(first + 1, len(lines)) if lines[number].startswith(_NEXT)), len(lines))
    rest = lines[first + 1 : end]
    start = next((number for number, line in enumerate(rest) if line.startswith(COMMAND)), len(rest))
    if start == len(rest):
        return []
    within = [line for line in rest[:start] if line.startswith("CONTEXT: ")][:1]
    at = [f"at: {match[1]}" for line in lines[:first] if (match := _AT.match(line))][-1:]
    return [*within, *at, " ".join(rest[start:]).strip()[:_LONGEST_COMMAND]]
