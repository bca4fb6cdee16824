"""Room on the disk: asked for before anything begins, and watched while it continues.

PostgreSQL goes down when it cannot write its log: a load that would fill the disk is stopped before that.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aipbx_agent.core.errors import Interrupted, Refused
from aipbx_agent.core.text import size

MIB = 1 << 20
# Seconds between two looks.
PAUSE = 0.5


def require(needs: Mapping[Path, float], spare_mib: int) -> None:
    """Refuse unless every file system holds what will come to it, and keeps its reserve.

    Args:
        needs: bytes that will be written below each path.
        spare_mib: what must stay free.

    Raises:
        Refused: says where how much is missing.
    """
    by_disk: dict[int, tuple[Path, float]] = {}
    for path, needed in needs.items():
        device = path.stat().st_dev
        first, sum_ = by_disk.get(device, (path, 0.0))
        by_disk[device] = (first, sum_ + needed)
    for path, needed in by_disk.values():
        free = shutil.disk_usage(path).free
        if free < needed + spare_mib * MIB:
            raise Refused(
                f"The disk of {path} is too small for this.",
                f"It would take about {size(needed)}; {size(free)} are free, and {spare_mib} MiB must stay so "
                "(min_free_disk_mib).",
                "Make room: inv restore --discard deletes what an earlier restore retained; "
                "docker system df shows the rest.",
            )


@contextmanager
def watched(paths: list[Path], floor_mib: int) -> Iterator[None]:
    """Stop what is in progress inside when a disk is about to be full.

    Args:
        paths: on the disks that are watched.
        floor_mib: below this it is stopped.

    Raises:
        Interrupted: it was.
    """

    def look(_: int, __: object) -> None:
        for path in paths:
            free = shutil.disk_usage(path).free
            if free < floor_mib * MIB:
                signal.setitimer(signal.ITIMER_REAL, 0)
                raise Interrupted(
                    "The disk was nearly full, so this was stopped.",
                    f"{size(free)} were left at {path}.",
                    "Make room, then run it again.",
                )

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, PAUSE, PAUSE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
