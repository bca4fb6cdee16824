"""What the application does in the background now, as rows of its tables say: the end of a backend ends it for good."""

from __future__ import annotations

from typing import Any

from aipbx_agent.core.config import Config
from aipbx_agent.databases.quoting import identifier, literal
from aipbx_agent.migrations import due

# Older rows were left by a backend that has ended: nothing works on them any more.
RECENT = "1 hour"


def running(config: Config) -> dict[str, int]:
    """Return how much of each kind of work runs; what there is none of, or no table for, is left out."""
    works: dict[str, dict[str, str]] = config.raw["background_work"]
    server = due.live(config) if works and config.dialect == "postgres" else None
    if server is None:
        return {}
    # As the owner: the tables are the application's, and what it has put behind a name must not run as superuser.
    owner = server.as_owner(config.database)
    known = set(owner.psql(existing(works), config.database))
    counted = {what: work for what, work in works.items() if work["table"] in known}
    counts = owner.psql(counting(list(counted.values())), config.database) if counted else []
    return {what: int(count) for what, count in zip(counted, counts, strict=True) if int(count)}


def existing(works: dict[str, Any]) -> str:
    """Build the SQL that lists those of the tables which have all that is asked for."""
    pairs = ", ".join(f"({literal(work['table'])}, {literal(work['column'])})" for work in works.values())
    return (
        "SELECT a.table_name FROM information_schema.columns a JOIN information_schema.columns b"
        " USING (table_schema, table_name) WHERE a.table_schema = 'public' AND b.column_name = 'createdAt'"
        f" AND (a.table_name, a.column_name) IN ({pairs})"
    )


def counting(works: list[dict[str, str]]) -> str:
    """Build the SQL that counts rows of each, a line each in this order."""
    parts = [
        f"SELECT {place}, count(*) FROM public.{identifier(work['table'])}"
        f" WHERE {identifier(work['column'])}::text = {literal(work['value'])}"
        f' AND "createdAt" > now() - interval {literal(RECENT)}'
        for place, work in enumerate(works)
    ]
    return f"SELECT n FROM ({' UNION ALL '.join(parts)}) AS counts (place, n) ORDER BY place"
