"""Which migrations a database has seen: a schema of ours in it, so that backups and restores take it along.

aipbx_fleet.migrations    a row for each file that was run, or marked as applied (how = 'baseline')
aipbx_fleet.releases      which files each release knew: what a rollback to it would find unknown
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aipbx_data.postgres import TABLES, Postgres, identifier, literal

SCHEMA = "aipbx_fleet"
RUN, BASELINE = "run", "baseline"
_CREATE = f"""
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
CREATE TABLE IF NOT EXISTS {SCHEMA}.migrations (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    how text NOT NULL CHECK (how IN ('{RUN}', '{BASELINE}')),
    at timestamptz NOT NULL DEFAULT now(),
    seconds numeric NOT NULL,
    release text NOT NULL,
    breaks text NOT NULL,
    restore_point text NOT NULL
);
CREATE TABLE IF NOT EXISTS {SCHEMA}.releases (
    release text PRIMARY KEY,
    files text[] NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
"""
_ROWS = f"""
SELECT json_build_object('name', name, 'sha256', sha256, 'how', how, 'release', release, 'breaks', breaks,
    'restore_point', restore_point, 'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
FROM {SCHEMA}.migrations ORDER BY name
"""


@dataclass(frozen=True)
class Row:
    """A migration that the database has seen.

    Args:
        name: the file's.
        sha256: of its content.
        how: RUN or BASELINE.
        release: the backend's SHA that it came with.
        breaks: what an older release may not live with; empty: it can.
        restore_point: the backup set from before it; empty: there is none.
        at: when, UTC.
    """

    name: str
    sha256: str
    how: str
    release: str
    breaks: str
    restore_point: str
    at: str = ""


def tables(server: Postgres, database: str) -> int:
    """How many tables the application has in a database."""
    found = [json.loads(row) for row in server.psql(TABLES, database)]
    return len([schema for schema, _ in found if schema != SCHEMA])


def read(server: Postgres, database: str) -> list[Row] | None:
    """What the database has seen, by name; None: it has no ledger."""
    there = server.psql(f"SELECT to_regclass('{SCHEMA}.releases') IS NOT NULL", database)
    if there != ["t"]:
        return None
    return [Row(**json.loads(row)) for row in server.psql(_ROWS, database)]


def known_to(server: Postgres, database: str, release: str) -> list[str] | None:
    """The files that a release knew; None: it is from before the ledger."""
    asked = f"SELECT to_json(files) FROM {SCHEMA}.releases WHERE release = {literal(release)}"
    rows = server.psql(asked, database)
    return list(json.loads(rows[0])) if rows else None


def mark(server: Postgres, database: str, rows: Sequence[Row], *, anew: bool = False) -> None:
    """Write down files that were not run, and make the ledger when there is none, all or nothing.

    Half a ledger would have the other files run.

    Args:
        server: the live one.
        database: its name.
        rows: the files; of those that are known already, the checksum is replaced.
        anew: whether what was marked before is forgotten.
    """
    forget = f"DELETE FROM {SCHEMA}.migrations WHERE how = '{BASELINE}';\n" if anew else ""
    inserts = "".join(
        f"INSERT INTO {SCHEMA}.migrations (name, sha256, how, seconds, release, breaks, restore_point) "
        f"VALUES ({_values(row, '0')}) ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256;\n"
        for row in rows
    )
    server.psql(f"BEGIN;\n{_CREATE}{forget}{inserts}COMMIT;\n", database)


def release(server: Postgres, database: str, sha: str, files: Sequence[str]) -> None:
    """Write down which files a release knows."""
    known = ", ".join(literal(name) for name in files)
    server.psql(
        f"INSERT INTO {SCHEMA}.releases (release, files) VALUES ({literal(sha)}, ARRAY[{known}]::text[]) "
        "ON CONFLICT (release) DO UPDATE SET files = excluded.files",
        database,
    )


def _values(row: Row, seconds: str) -> str:
    before = [literal(text) for text in (row.name, row.sha256, row.how)]
    return ", ".join([*before, seconds, *(literal(text) for text in (row.release, row.breaks, row.restore_point))])


def script(
    source: str, row: Row, lock_seconds: float, statement_seconds: float, role: str, extensions: Sequence[str] = ()
) -> str:
    """What psql reads to run a file: its content from line 2 on, and its row in the same transaction.

    Args:
        source: the file's content.
        row: its line in the ledger.
        role: who runs it, and owns what it makes: the application's.
        extensions: which the superuser makes beforehand.
        lock_seconds: for how long it may wait for a lock: others wait behind it.
        statement_seconds: for how long each of its statements may run.
    """
    settings = {"client_encoding": "UTF8", "lc_messages": "C"}
    settings |= {"lock_timeout": f"{lock_seconds:g}s", "statement_timeout": f"{statement_seconds:g}s"}
    begin = " ".join(f"SET {name} = {literal(value)};" for name, value in settings.items())
    begin += " BEGIN;" + "".join(f" CREATE EXTENSION IF NOT EXISTS {name};" for name in extensions)
    seconds = "round(extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.now())::numeric, 3)"
    return (
        f"{begin} SET ROLE {identifier(role)};\n{source.removeprefix(chr(0xFEFF))}\n;\nRESET ROLE;\n"
        f"INSERT INTO {SCHEMA}.migrations (name, sha256, how, seconds, release, breaks, restore_point) "
        f"VALUES ({_values(row, seconds)});\nCOMMIT;\n"
    )
