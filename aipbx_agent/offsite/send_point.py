"""`aipbx-agent offsite-point @…`: whether copies off their host make a moment; with --send, those copies in one tar.

They are encrypted still: only an operator's key opens them.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
from collections.abc import Iterator

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.offsite import stored
from aipbx_agent.pitr import archive, targets, window
from aipbx_agent.pitr.window import Needed
from aipbx_agent.stores import folder as store_folder
from aipbx_agent.stores.base import Copies


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which moment, and whose."""
    parser.add_argument("at", help="as @2026-11-23T14:05:00Z")
    parser.add_argument("--of", default="", metavar="HOST", help="of what this host keeps for another one")
    parser.add_argument("--send", action="store_true", help="print the copies as a tar")


def main(config: Config, options: argparse.Namespace) -> None:
    """Tell, or send.

    Raises:
        Refused: the copies do not make that moment.
    """
    if options.of:
        _answer(store_folder.FolderStore(config, options.of), options)
        return
    with stored.opened(config) as own:
        _answer(own, options)


def _answer(kept: Copies, options: argparse.Namespace) -> None:
    target = targets.moment(options.at)
    bases, segments = archive.store_bases(kept), archive.store_segments(kept)
    needed = window.needed(bases, segments, target)
    if not needed:
        windows = window.summary(bases, segments)["windows"]
        raise Refused(
            f"{target:%Y-%m-%d %H:%M:%S} UTC cannot be restored from {kept.where} either.",
            f"There: {'; '.join('from {since} to {until}'.format(**each) for each in windows) or 'no target yet'}.",
            "Choose a time within that, or a set: inv backups",
        )
    files = names(needed)
    sizes = {folder: kept.names(folder) for folder in ("base", "wal")}
    lengths = {name: sizes[name.partition("/")[0]][name.partition("/")[2]] for name in files}
    if not options.send:
        events.result(where=kept.where, base=f"{needed.base.moment:%Y-%m-%dT%H:%M:%SZ}", bytes=sum(lengths.values()))
        return
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for name, size in lengths.items():
            member = tarfile.TarInfo(name.partition("/")[2])
            member.size = size
            tar.addfile(member, io.BufferedReader(_Stream(kept.read(name))))


def names(needed: Needed) -> list[str]:
    """Return the files in a store that make a moment, the base backup's description first."""
    base = f"base/{needed.base.name}"
    logs = [f"wal/{segment.name}{archive.PACKED}{archive.SEALED}" for segment in needed.segments]
    return [f"{base}{archive.LABEL}", f"{base}{archive.TAR}{archive.SEALED}", *logs]


class _Stream(io.RawIOBase):
    """Chunks, as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: object) -> int:
        view = memoryview(into)  # type: ignore[arg-type]  # what io hands over
        self._rest = self._rest or next(self._chunks, b"")
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
