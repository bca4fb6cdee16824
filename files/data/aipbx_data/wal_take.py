"""Segments are taken over from PostgreSQL: packed beside the sets, and only then deleted where PostgreSQL put them."""

from __future__ import annotations

import fcntl
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from aipbx_data import archive, segments, sets
from aipbx_data.config import Config
from aipbx_data.errors import Failed
from aipbx_data.process import run
from aipbx_data.segments import HEADER_BYTES, Segment

LOCK = Path("/run/lock/aipbx-wal")
SECONDS = 600
# Next to a call and to a load, it must cost little; PostgreSQL's images unpack with it too. Of an idle minute's 16 MiB
# some KiB are left.
PACK = ["zstd", "--quiet", "-1", "--stdout"]
_CHUNK = 1 << 20


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
        for left in folder.glob(f"{sets.ASIDE}*"):
            left.unlink()
        there: dict[tuple[int, int, int], Path] = {}
        for one, path in archive.kept_segments(folder).items():
            there[one.system, one.timeline, one.number] = path
        for path in sorted(spool.iterdir()) if spool.is_dir() else ():
            if path.name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            if not segments.RAW.fullmatch(path.name):
                path.unlink()  # histories and labels: a base backup brings its own
                continue
            try:
                one = _parsed(path)
                kept = there.get((one.system, one.timeline, one.number))
                if kept is None:
                    _pack(path, folder, one)
                    taken.append(one)
                elif not _same(path, kept):
                    raise ValueError("another segment of that name is kept already")
            except ValueError as problem:
                wrong.append(f"{path.name}: {problem}")
                continue
            path.unlink()
    if wrong:
        raise Failed(
            "PostgreSQL gave a segment of its log that cannot be kept.",
            "; ".join(wrong[:3]),
            f"Look at it in {spool}, and delete it when it is of no use: later ones are kept.",
        )
    return taken


def _parsed(path: Path) -> Segment:
    with path.open("rb") as file:
        system = segments.system_of(file.read(HEADER_BYTES), path.name)
        closed = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, timezone.utc)
        if os.fstat(file.fileno()).st_size != segments.BYTES:
            raise ValueError("it is cut off")
    timeline, number = segments.number(path.name)
    return Segment(system, timeline, number, closed.replace(microsecond=0))


def _pack(path: Path, folder: Path, one: Segment) -> None:
    aside = folder / f"{sets.ASIDE}{path.name}"
    run(PACK, seconds=SECONDS, source=path, into=aside)
    # The scratch server that replays it is not root; nobody else comes into the folder above.
    aside.chmod(0o644)
    sets.sync(aside)
    aside.rename(folder / f"{one.name}{archive.PACKED}")
    sets.sync(folder)


def _same(path: Path, kept: Path) -> bool:
    with (
        path.open("rb") as file,
        subprocess.Popen(["zstd", "--quiet", "-dc", str(kept)], stdout=subprocess.PIPE) as unpacking,
    ):
        assert unpacking.stdout  # noqa: S101  a pipe
        same = True
        while chunk := unpacking.stdout.read(_CHUNK):
            same = same and chunk == file.read(len(chunk))
        same = same and not file.read(1)
    return same and unpacking.returncode == 0
