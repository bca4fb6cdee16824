"""A dump of MySQL's: its lines, the tables that it makes, the server that it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from aipbx_agent.backup import sets
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import stream

# In rows and texts of a dump a line break is written as \\n, so no line of them begins so.
_TABLE = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?`((?:[^`]|``)+)` \(")
# It would be loaded into the database that it names itself: the live one.
_ELSEWHERE = re.compile(rb"USE `|CREATE DATABASE |(?:/\*!\d+ )?DROP DATABASE ")
_FROM = re.compile(r"^-- Server version\s+(\d+(?:\.\d+)*)", re.MULTILINE)
ENDED = b"-- Dump completed"
_HEAD_LINES = 12
# Of an INSERT, which may be as long as a packet, no more is needed at a time.
_LINE_BYTES = 1 << 20


def listed(path: Path) -> set[str]:
    """Return the tables that a dump makes; read to its end.

    Raises:
        Refused: it cannot be read, or does not say that it is complete.
    """
    tables, ended = set(), False
    try:
        for line in _lines(path):
            if _ELSEWHERE.match(line):
                raise Refused(
                    f"{path.name} names the database that it goes into.",
                    f"It says: {line[:80].decode(errors='replace')}",
                    "Use a dump of one database: mysqldump … DATABASE, without --databases.",
                )
            if match := _TABLE.match(line):
                tables.add(match[1].replace(b"``", b"`").decode())
            ended = line.startswith(ENDED) or (ended and not line.strip())
    except Failed as problem:
        raise Refused(f"{path.name} is not a readable dump.", problem.why, "Use another set.") from None
    if not ended:
        raise Refused(
            f"{path.name} is not a complete MySQL dump.", "Its end does not say `Dump completed`.", "Use another file."
        )
    return tables


def dumped_from(path: Path) -> str:
    """Return the version of the server that a dump was taken from, as `11.8.3`."""
    head = b"\n".join(line for line, _ in zip(_lines(path), range(_HEAD_LINES), strict=False))
    match = _FROM.search(head.decode(errors="replace"))
    if not match:
        raise Refused(f"{path.name} does not name its source.", "Its head names no server.", "Use another file.")
    return match[1]


def unpacking(path: Path) -> list[str]:
    """Return the command that unpacks a dump, where it is packed."""
    return ["zstd", "--quiet", "--decompress", "--stdout"] if sets.is_packed(path) else ["cat"]


def _lines(path: Path) -> Iterator[bytes]:
    """Yield a dump's lines; of a long one, a part at a time."""
    rest = b""
    for piece in stream([unpacking(path)], source=path):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > _LINE_BYTES:
            yield rest
            rest = b"-"
    yield rest
