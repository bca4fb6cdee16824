"""One backup, restore or verification at a time; the lock dies with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aipbx_agent.core.errors import Refused

PATH = Path("/run/lock/aipbx-agent")


@contextmanager
def held(what: str, path: Path | None = None) -> Iterator[None]:
    """Hold the lock.

    Args:
        what: what is about to happen, for whoever comes second.
        path: another lock than the one of backups and restores.

    Raises:
        Refused: another run holds it.
    """
    with (path or PATH).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Refused(
                "Another run is at the data of this host.",
                f"It is: {file.read().strip() or 'just beginning'}.",
                "Wait until it has ended.",
            ) from None
        file.truncate(0)
        file.write(f"{what}, process {os.getpid()}\n")
        file.flush()
        yield
