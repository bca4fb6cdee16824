"""Segments of the WAL and base backups, as they are called where they are kept, and what their names tell.

    backups/wal/<system>-<segment>-<closed>.wal.zst        a segment: packed, and no younger commit in it than `closed`
    backups/base/<system>-<segment>-<moment>.tar.zst       a base backup, which begins with that segment
    backups/base/<system>-<segment>-<moment>.json          written last: what that file is (`Base`)

<system> is PostgreSQL's own number for its data directory, in hexadecimal: the logs of two of them never mix. Off this
host the same names are followed by .age. So what can be restored is known by names alone, wherever they are.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

from aipbx_agent.backup import sets

BYTES = 16 << 20
# Segments in 4 GiB of the log: the name counts them so.
PER_LOG = (1 << 32) // BYTES
RAW = re.compile(r"[0-9A-F]{24}")
_NAME = re.compile(r"([0-9a-f]{16})-([0-9A-F]{24})-(\d{8}T\d{6}Z)")
# The long header of a segment's first page: magic, info, timeline, address, rest, then system, bytes of a segment.
_HEADER = struct.Struct("<HHIQI4xQII")
HEADER_BYTES = _HEADER.size
_LONG = 0x0002
# A name has whole seconds, and a commit may be stamped a moment before it is written.
SURE = timedelta(seconds=1)


@dataclass(frozen=True, order=True)
class Segment:
    """A segment, or with the moment of a base backup where that begins.

    Args:
        system: PostgreSQL's number for its data directory.
        timeline: of its log.
        number: of the segment, without gaps.
        moment: when it was closed.
    """

    system: int
    timeline: int
    number: int
    moment: datetime

    @property
    def name(self) -> str:
        """Its name without ending."""
        return f"{self.system:016x}-{raw(self.timeline, self.number)}-{sets.name_of(self.moment)}"

    @property
    def until(self) -> datetime:
        """No moment after this is sure to be in it."""
        return self.moment - SURE


@dataclass(frozen=True)
class Base:
    """A base backup.

    Args:
        first: where it begins; its `moment` is the first that can be restored.
        last: the number of the segment that it needs at least.
        bytes: its size.
    """

    first: Segment
    last: int
    bytes: int

    @property
    def name(self) -> str:
        """Its name without ending."""
        return self.first.name

    @property
    def moment(self) -> datetime:
        """The first moment that can be restored from it."""
        return self.first.moment


def raw(timeline: int, number: int) -> str:
    """Return a segment's name as PostgreSQL has it."""
    return f"{timeline:08X}{number // PER_LOG:08X}{number % PER_LOG:08X}"


def number(name: str) -> tuple[int, int]:
    """Timeline and number of a segment, from PostgreSQL's name for it."""
    return int(name[:8], 16), int(name[8:16], 16) * PER_LOG + int(name[16:], 16)


def parse(name: str) -> Segment | None:
    """Return what a name means, whatever follows it after a dot; None: it is none of these."""
    match = _NAME.fullmatch(name.partition(".")[0])
    if not match:
        return None
    timeline, count = number(match[2])
    try:
        return Segment(int(match[1], 16), timeline, count, sets.moment_of(match[3]))
    except ValueError:
        return None


def described(label: dict[str, object], name: str) -> Base | None:
    """Return the base backup of a description that `base` wrote; None: it describes none."""
    first, last, size = parse(name), label.get("last"), label.get("bytes")
    if first is None or not isinstance(last, int) or not isinstance(size, int):
        return None
    return Base(first, last, size)


def system_of(head: bytes, name: str) -> int:
    """Whose log a segment is of, by its first bytes.

    Args:
        head: at least HEADER_BYTES of it.
        name: PostgreSQL's for it.

    Raises:
        ValueError: it is not the segment that its name says.
    """
    if len(head) < HEADER_BYTES:
        raise ValueError("it is cut off")
    _, info, _, address, _, system, size, _ = _HEADER.unpack_from(head)
    if not info & _LONG or address != number(name)[1] * BYTES:
        raise ValueError("its first page is of another segment")
    if size != BYTES:
        raise ValueError(f"segments of {size} bytes are not known here, only of {BYTES}")
    return int(system)
