"""What a migration would do, as the operator's machine read it (fleet/migrations/reading.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ROWS, VALUES, UNKNOWN = "rows", "values", "unknown"


@dataclass(frozen=True)
class Loss:
    """Something that a statement removes.

    Args:
        line: of the file.
        what: as `DROP COLUMN note`.
        kind: ROWS of a table, VALUES of its columns, or UNKNOWN: that cannot be known before it runs.
        table: schema (empty: the usual one) and name.
        columns: whose values are at stake.
        cascade: whether tables that refer to it lose theirs as well.
    """

    line: int
    what: str
    kind: str
    table: tuple[str, str] = ("", "")
    columns: tuple[str, ...] = ()
    cascade: bool = False


@dataclass(frozen=True)
class Place:
    """Where a statement is in its file.

    Args:
        start: its first character.
        line, last: its first and last line, from 1.
        admin: whether the server's superuser runs it, and not the application's role.
    """

    start: int
    line: int
    last: int
    admin: bool = False


@dataclass(frozen=True)
class Facts:
    """What a file would do.

    Args:
        statements: where each begins and ends.
        cannot: what of it cannot be run: line, statement, why, what to do.
        losses: what it removes.
        breaks: what an older release may not run with, in a few words; empty: it can.
        renames: whether it gives names to what had others.
        makes: kind and names of what is there once it was run.
    """

    statements: tuple[Place, ...] = ()
    cannot: tuple[tuple[int, str, str, str], ...] = ()
    losses: tuple[Loss, ...] = ()
    breaks: str = ""
    renames: bool = False
    makes: tuple[tuple[str, ...], ...] = field(default=())


def of(raw: dict[str, Any]) -> Facts:
    """Return the facts of a file, as the operator's machine sent them."""
    losses = [{**loss, "table": tuple(loss["table"]), "columns": tuple(loss["columns"])} for loss in raw["losses"]]
    return Facts(
        statements=tuple(Place(**statement) for statement in raw["statements"]),
        cannot=tuple((reason[0], reason[1], reason[2], reason[3]) for reason in raw["cannot"]),
        losses=tuple(Loss(**loss) for loss in losses),
        breaks=raw["breaks"],
        renames=raw["renames"],
        makes=tuple(tuple(make) for make in raw["makes"]),
    )
