"""Where copies off this host go: what every kind of store can do, and which one a host has.

    sets/<name>.tar.age         a set, encrypted
    sets/<name>.json            written last: what that file is, so a copy without it is none
    sets/<name>.verified.json   written when `verify` has restored the set
    base/…, wal/…               for a restore to a point in time

A file under its name is whole and was read back; what is being written has no name yet, or one that begins with
`.part-`. A store never overwrites: `put` of a name that is taken is `Taken`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from aipbx_agent.core.errors import Failed

FOLDERS = ("sets", "base", "wal")
NAME = re.compile(rf"({'|'.join(FOLDERS)})/[A-Za-z0-9][A-Za-z0-9._-]*")
# How a file is called while it is written, where a store has names for that.
PART = ".part-"
# The deadline for what is done with one connection, and for one question.
LONG = 6 * 3600.0
QUICK = 120.0
_CHUNK = 1 << 20


class Content(NamedTuple):
    """What a file is: its size in bytes and its sha256."""

    bytes: int
    sha256: str


class Taken(Failed):
    """The store has a file of that name already, and it is whole."""


class Copies(Protocol):
    """What can be read of a store.

    Every method raises Failed, with the store's own words, when the store cannot be reached or refuses.
    """

    # For an operator, and for offsite.json: sftp://aipbx.org or s3://bucket@endpoint.
    where: str

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file, called as `sets/20261123T030000Z.tar.age`."""

    def names(self, folder: str) -> dict[str, int]:
        """Return size in bytes of each file in a folder, by its name there; none when there is no folder."""

    def texts(self, folder: str, ending: str) -> dict[str, bytes]:
        """Contents of the small files in a folder whose names end so, by name."""

    def remove(self, name: str) -> None:
        """Delete a file."""


class Store(Copies, AbstractContextManager["Store"], Protocol):
    """A place off this host; a context, within which one connection serves for many files."""

    # Whether old copies are deleted there, by its own job, because this host must not.
    prunes_itself: bool

    def put(self, source: Path | Iterable[bytes], name: str) -> Content:
        """Store a file, or a stream, and read it back.

        Args:
            source: a file; or chunks, whose end counts only when their iterator ends without an exception.
            name: as `sets/20261123T030000Z.tar.age`.

        Raises:
            Taken: the name is.
        """

    def free(self) -> int | None:
        """Return bytes that fit there; None where there is no such bound."""


def get(store: Copies, name: str, path: Path) -> Content:
    """Bring a file of a store here.

    Args:
        store: where it is.
        name: as `wal/000000010000000000000007.age`.
        path: gets its content; must not exist yet, and is not there afterwards when this fails.

    Raises:
        Failed: it could not be read.
    """
    try:
        with path.open("xb") as file:
            meter = Meter(store.read(name))
            for chunk in meter:
                file.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return meter.content


def measured(chunks: Iterable[bytes]) -> Content:
    """Return what a stream was, once it has ended."""
    meter = Meter(chunks)
    for _ in meter:
        pass
    return meter.content


class Meter:
    """Chunks on their way; afterwards, what they were."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._digest = hashlib.sha256()
        self._bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            self._bytes += len(chunk)
            yield chunk

    @property
    def content(self) -> Content:
        """What has passed."""
        return Content(self._bytes, self._digest.hexdigest())


def chunks_of(path: Path) -> Iterator[bytes]:
    """Yield a file of this host's, in pieces."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def changed(where: str, name: str) -> Failed:
    """Return what was read back is not what was sent."""
    return Failed(
        f"{where} did not store {name} as it was sent.",
        "What was read back has another hash.",
        "It does not count as a copy. Check the store's disk; the next run sends it again.",
    )
