"""Segments are taken over from PostgreSQL: kept beside the sets, and only then deleted where PostgreSQL put them.

They come packed (files/postgres/archive.sh), or as they are from an image without zstd.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import zip_longest
from pathlib import Path

from aipbx_agent.backup import sets
from aipbx_agent.core import files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import run, stream
from aipbx_agent.pitr import archive, segments
from aipbx_agent.pitr.segments import HEADER_BYTES, Segment

LOCK = Path("/run/lock/aipbx-wal")
SECONDS = 600
# Next to a call and to a load, it must cost little: this level takes six tenths of the first one's CPU, for a fifth
# more bytes of a load's log. Of an idle minute's 16 MiB some KiB are left.
PACK = ["zstd", "--quiet", "--fast=3", "--single-thread", "--stdout"]
UNPACK = ["zstd", "--quiet", "--decompress", "--stdout"]


def take(config: Config) -> list[Segment]:
    """Take over what is there; a restore that waits for a segment does so as well as the one whose work it is.

    Returns: what was taken.

    Raises:
        Failed: one of them is not what it should be; the others are taken.
    """
    spool, folder = archive.spool(config), archive.wal(config)
    taken: list[Segment] = []
    wrong: list[str] = []
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in folder.glob(f"{sets.ASIDE}*"):
            leftover.unlink()
        collected = {
            (known.system, known.timeline, known.number): path for known, path in archive.kept_segments(folder).items()
        }
        for path in _delivered(spool):
            try:
                segment = _take(path, folder, collected)
            except ValueError as problem:
                wrong.append(f"{path.name}: {problem}")
                continue
            taken += [segment] if segment else []
            path.unlink()
    if wrong:
        raise Failed(
            "PostgreSQL delivered a WAL segment that cannot be stored.",
            "; ".join(wrong[:3]),
            f"Check it in {spool}, and delete it if it is of no use: later ones are stored.",
        )
    return taken


def _delivered(spool: Path) -> Iterator[Path]:
    """Yield the segments that PostgreSQL has delivered, oldest first; what else it delivers is deleted."""
    for path in sorted(spool.iterdir()) if spool.is_dir() else ():
        if path.name.startswith(".") or path.is_symlink() or not path.is_file():
            continue
        if segments.RAW.fullmatch(path.name):
            yield path
        else:
            path.unlink()  # histories and labels: a base backup brings its own


def _take(path: Path, folder: Path, collected: dict[tuple[int, int, int], Path]) -> Segment | None:
    """Pack a segment, read it back and store it; None: it is stored already.

    Raises:
        ValueError: it is not whole, or another one has its name.
    """
    partial = folder / f"{sets.ASIDE}{path.name}"
    try:
        closed = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
        run(["cat"] if sets.is_packed(path) else PACK, seconds=SECONDS, source=path, into=partial)
        segment = _parsed(partial, path.name, closed)
        kept = collected.get((segment.system, segment.timeline, segment.number))
        if kept is None:
            _keep(partial, folder, segment)
            return segment
        if not _same(partial, kept):
            raise ValueError("another segment of that name is stored already")
        return None
    finally:
        partial.unlink(missing_ok=True)


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        yield from stream([[*UNPACK, str(path)]])
    except Failed as problem:
        raise ValueError(f"it cannot be unpacked: {problem.why}") from None


def _parsed(path: Path, name: str, closed: datetime) -> Segment:
    pieces = _pieces(path)
    head = next(pieces, b"")
    size = len(head) + sum(map(len, pieces))
    system = segments.system_of(head[:HEADER_BYTES], name)
    if size != segments.BYTES:
        raise ValueError("it is cut off")
    timeline, number = segments.number(name)
    return Segment(system, timeline, number, closed.replace(microsecond=0))


def _keep(partial: Path, folder: Path, segment: Segment) -> None:
    # The scratch server that replays it is not root; no one else comes into the folder above.
    partial.chmod(0o644)
    files.sync(partial)
    partial.rename(folder / f"{segment.name}{archive.PACKED}")
    files.sync(folder)


def _same(path: Path, kept: Path) -> bool:
    return all(ours == theirs for ours, theirs in zip_longest(_pieces(path), _pieces(kept)))
