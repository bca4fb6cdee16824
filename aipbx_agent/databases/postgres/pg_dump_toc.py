"""The list of contents of a pg_dump: `pg_restore --list`, and what `--use-list` takes back."""

from __future__ import annotations

import re

from aipbx_agent.core.errors import Refused

DUMPED_FROM = re.compile(r"Dumped from database version: (\d+(?:\.\d+)?)")
_ROWS = re.compile(r"^\d+; \d+ \d+ TABLE DATA (.*)$")
# What cannot be there when only some tables have their rows: the rest of the list can do without them.
_NEEDS_ALL_ROWS = re.compile(
    r"^\d+; \d+ \d+ (?:TABLE DATA|FK CONSTRAINT|MATERIALIZED VIEW DATA|BLOBS?|BLOB METADATA|\S+ - LARGE OBJECTS?) "
)
_EVENT_TRIGGER = re.compile(r"^\d+; \d+ \d+ (?:EVENT TRIGGER - |COMMENT - EVENT TRIGGER )")
_ATTACH = re.compile(r"^\d+; \d+ \d+ INDEX ATTACH ")
_SHOWN = 40


def only(entries: list[str], tables: tuple[str, ...], dump: str) -> list[str]:
    """Return the list with the rows of some tables: what is needed to inspect them.

    Args:
        entries: the list, a line each: `id; 0 0 TABLE DATA schema table owner`.
        tables: `schema.table`, or `table` of schema public.
        dump: its name, for the message.

    Raises:
        Refused: it holds no such table.
    """
    named = {table: " ".join(table.split(".", 1) if "." in table else ("public", table)) + " " for table in tables}
    rows = [match[1] for line in entries if (match := _ROWS.match(line))]
    if unknown := [table for table, words in named.items() if not any(row.startswith(words) for row in rows)]:
        known = sorted(".".join(row.split(" ")[:2]) for row in rows)
        raise Refused(
            f"{dump} holds no table {', '.join(unknown)}.",
            f"It has {', '.join(known[:_SHOWN])}{' …' if len(known) > _SHOWN else ''}.",
            "Name tables as `users`, or as `schema.table` outside schema public.",
        )
    chosen = tuple(named.values())

    def stays(line: str) -> bool:
        match = _ROWS.match(line)
        return match[1].startswith(chosen) if match else not _NEEDS_ALL_ROWS.match(line)

    return [line for line in entries if stays(line)]


def without_event_triggers(entries: list[str]) -> list[str]:
    """Return the list without what acts on every definition that comes after it."""
    return [line for line in entries if not _EVENT_TRIGGER.match(line)]


def stages(entries: list[str], jobs: int) -> list[tuple[list[str], int]]:
    """Return a list in parts that are restored one after the other, each with how many processes may do so.

    The indexes of partitions find their places in the whole table's index by one process. pg_restore lets several
    processes do that, and where partitions have partitions, two of them do not see what the other does: the index of
    the whole stays invalid for good, so that no ON CONFLICT finds it, or a reference to it is refused. Of 60 restores
    by PostgreSQL 16.14 with three processes, that befell 5 and 4; one after the other, none of 120.

    Args:
        entries: the list, in pg_restore's order, which is right for a single process.
        jobs: how many processes do all else.

    Returns: one part where there is no such index.
    """
    places = [number for number, line in enumerate(entries) if _ATTACH.match(line)]
    if not places:
        return [(entries, jobs)]
    first, end = places[0], places[-1] + 1
    parts = [(entries[:first], jobs), (entries[first:end], 1), (entries[end:], jobs)]
    return [part for part in parts if part[0]]
