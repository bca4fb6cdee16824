"""One run at a time of what must not meet another; the lock dies with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aipbx_agent.core import retry
from aipbx_agent.core.errors import Refused

PATH = Path("/run/lock/aipbx-agent")
# Seconds between two attempts at a lock that is waited for.
PAUSE = 0.2


@contextmanager
def held(what: str, path: Path | None = None, *, seconds: float = 0) -> Iterator[None]:
    """Hold the lock.

    Args:
        what: what is about to happen, for anyone who comes second.
        path: another lock than the one of backups and restores.
        seconds: how long another run's end is waited for.

    Raises:
        Refused: another run holds it.
    """
    with (path or PATH).open("a+") as file:
        retry.until(seconds, lambda: _lock(file), pause=PAUSE)
        file.truncate(0)
        file.write(f"{what}, process {os.getpid()}\n")
        file.flush()
        yield


def _lock(file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise Refused(
            "Another run is under way on this host.",
            f"It is: {file.read().strip() or 'just beginning'}.",
            "Wait until it has ended.",
        ) from None
