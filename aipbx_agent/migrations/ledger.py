"""Which migrations a database has seen: a schema of ours in it, so that backups and restores take it along.

aipbx_fleet.migrations    a row for each file that was run, or marked as applied (how = 'baseline')
aipbx_fleet.releases      which files each release knew: what a rollback to it would find unknown
aipbx_fleet.first_start   of a new database: when its first start began, and when all that belongs to it was done
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.postgres.contents import TABLES
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.postgres.superuser import BOOTSTRAP, FIRST_NUMBER
from aipbx_agent.databases.quoting import identifier, literal
from aipbx_agent.migrations import lock_guard
from aipbx_agent.migrations.facts import Facts

SCHEMA = "aipbx_fleet"
TABLES_OF_OURS = tuple(f"{SCHEMA}.{name}" for name in ("migrations", "releases", "first_start"))
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
CREATE TABLE IF NOT EXISTS {SCHEMA}.first_start (
    begun timestamptz NOT NULL DEFAULT now(),
    ended timestamptz
);
-- A dump that the application's role makes of its database, as scripts of before do, reads these too.
GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO PUBLIC;
"""
_OURS = f"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = '{SCHEMA}'"
_OWNER = (
    "pg_roles r WHERE r.oid = (SELECT datdba FROM pg_database WHERE datname = current_database()) AND NOT r.rolsuper"
)
_CHECK = f"CHECK ((how = ANY (ARRAY['{RUN}'::text, '{BASELINE}'::text])))"
# What of a schema under this name could run someone else's code in our sessions, a line each. The application owns its
# database, and may have made the schema before us.
FAULTS = f"""
SELECT format('schema {SCHEMA} belongs to %s', pg_get_userbyid(nspowner)) FROM pg_namespace
WHERE nspname = '{SCHEMA}' AND nspowner <> {BOOTSTRAP}
UNION ALL SELECT format('%s belongs to %s', c.relname, pg_get_userbyid(c.relowner)) {_OURS}
    AND c.relowner <> {BOOTSTRAP}
UNION ALL SELECT format('%s is not a table', c.relname) {_OURS} AND c.relkind NOT IN ('r', 'i', 'S')
UNION ALL SELECT format('%s inherits, or is inherited', c.relname) {_OURS}
    JOIN pg_inherits i ON c.oid IN (i.inhrelid, i.inhparent)
UNION ALL SELECT format('trigger %s of %s', t.tgname, c.relname) {_OURS} JOIN pg_trigger t ON t.tgrelid = c.oid
UNION ALL SELECT format('rule %s of %s', r.rulename, c.relname) {_OURS} JOIN pg_rewrite r ON r.ev_class = c.oid
UNION ALL SELECT format('statistics %s', s.stxname) {_OURS} JOIN pg_statistic_ext s ON s.stxrelid = c.oid
UNION ALL SELECT format('constraint %s of %s', k.conname, c.relname) {_OURS} JOIN pg_constraint k ON k.conrelid = c.oid
    AND k.contype NOT IN ('p', 'n') AND NOT (k.contype = 'c' AND pg_get_constraintdef(k.oid) = {literal(_CHECK)})
UNION ALL SELECT format('index %s', c.relname) {_OURS} JOIN pg_index x ON x.indexrelid = c.oid
    AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)
UNION ALL SELECT format('default %s of %s', pg_get_expr(d.adbin, d.adrelid), c.relname) {_OURS}
    JOIN pg_attrdef d ON d.adrelid = c.oid AND pg_get_expr(d.adbin, d.adrelid) <> 'now()'
UNION ALL SELECT format('type of %s.%s', c.relname, a.attname) {_OURS}
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.atttypid >= {FIRST_NUMBER}
UNION ALL SELECT format('%s may create in {SCHEMA}', r.rolname) FROM pg_namespace n, {_OWNER}
    AND n.nspname = '{SCHEMA}' AND has_schema_privilege(r.oid, n.oid, 'CREATE')
UNION ALL SELECT format('%s may add triggers to %s', r.rolname, o.relname)
    FROM (SELECT c.oid, c.relname {_OURS} AND c.relkind = 'r') o, {_OWNER}
    AND has_table_privilege(r.oid, o.oid, 'TRIGGER, REFERENCES')
"""
# The same within a transaction, which such a fault ends.
GUARD = f"""DO $aipbx$
DECLARE fault text;
BEGIN
  FOR fault IN {FAULTS.strip()} LOOP
    RAISE EXCEPTION 'the ledger of migrations is not the superuser''s alone: %', fault;
  END LOOP;
END $aipbx$"""
_ROWS = f"""
SELECT json_build_object('name', name, 'sha256', sha256, 'how', how, 'release', release, 'breaks', breaks,
    'restore_point', restore_point, 'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
FROM {SCHEMA}.migrations ORDER BY name
"""

# A table is read only where nothing in the schema could run someone else's code.
_SUMMARY = f"""
SELECT NOT EXISTS ({FAULTS}) AS ours, to_regclass('{SCHEMA}.first_start') IS NOT NULL AS starts,
    to_regclass('{SCHEMA}.releases') IS NOT NULL AS there \\gset
\\if :ours
\\if :starts
SELECT json_build_object('in_first_start', count(*) > 0) FROM {SCHEMA}.first_start WHERE ended IS NULL;
\\endif
\\if :there
SELECT json_build_object('names', coalesce(json_agg(name), '[]')) FROM {SCHEMA}.migrations;
SELECT json_build_object('known', to_json(files)) FROM {SCHEMA}.releases WHERE release = RELEASE;
\\endif
\\else
SELECT to_json(false);
\\endif
"""


@dataclass(frozen=True)
class Row:
    """A migration that the database has seen.

    Args:
        name: the file's.
        sha256: of its content.
        how: RUN or BASELINE.
        release: the backend's SHA that it came with.
        breaks: what an older release may not run with; empty: it can.
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
    rows = [json.loads(row) for row in server.psql(TABLES, database)]
    return len([schema for schema, _ in rows if schema != SCHEMA])


def refuse_foreign(server: Postgres, database: str) -> None:
    """Refuse a schema under the ledger's name that the application could have put code into.

    Raises:
        Refused: it does not belong to the superuser, or holds more than the ledger does.
    """
    if faults := server.psql(FAULTS, database):
        raise Refused(
            f"The schema {SCHEMA} of {database} was not created by this program.",
            f"What the application creates there could run as the superuser: {'; '.join(faults[:5])}.",
            "Find out where it comes from, and remove it: inv db",
        )


def read(server: Postgres, database: str) -> list[Row] | None:
    """What the database has seen, by name; None: it has no ledger.

    Raises:
        Refused: what is there is someone else's.
    """
    refuse_foreign(server, database)
    exists = server.psql(f"SELECT to_regclass('{SCHEMA}.releases') IS NOT NULL", database)
    if exists != ["t"]:
        return None
    return [Row(**json.loads(row)) for row in server.psql(_ROWS, database)]


def known_to(server: Postgres, database: str, release: str) -> list[str] | None:
    """The files that a release knew; None: it is from before the ledger."""
    sql = f"SELECT to_json(files) FROM {SCHEMA}.releases WHERE release = {literal(release)}"
    rows = server.psql(sql, database)
    return list(json.loads(rows[0])) if rows else None


@dataclass(frozen=True)
class Summary:
    """What a database has seen of a release.

    Attributes:
        in_first_start: whether a new database is still on its way.
        names: the files that it has seen; None: it has no ledger.
        known: those that the release knew; None: it is from before the ledger.
    """

    in_first_start: bool = False
    names: list[str] | None = None
    known: list[str] | None = None


def summary(server: Postgres, database: str, release: str) -> Summary:
    """Return it by one query, for `inv status`: opening a session costs more than any answer.

    Raises:
        Refused: what is there is someone else's.
    """
    rows = [json.loads(row) for row in server.psql(_SUMMARY.replace("RELEASE", literal(release)), database)]
    if rows == [False]:
        refuse_foreign(server, database)
    return Summary(**{name: value for row in rows if row for name, value in row.items()})


def mark(server: Postgres, database: str, rows: Sequence[Row]) -> None:
    """Write down files that were not run, and make the ledger when there is none, all or nothing.

    Half a ledger would have the other files run.

    Args:
        server: the live one.
        rows: the files; of those that are known already, the checksum is replaced.
    """
    inserts = "".join(
        f"INSERT INTO {SCHEMA}.migrations (name, sha256, how, seconds, release, breaks, restore_point) "
        f"VALUES ({_values(row, '0')}) ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256;\n"
        for row in rows
    )
    server.psql(f"BEGIN;\n{_CREATE}{GUARD};\n{inserts}COMMIT;\n", database)


def begin_first_start(server: Postgres, database: str) -> None:
    """Write down that a new database is on its way; what was marked for one that never came to be is forgotten."""
    server.psql(
        f"BEGIN;\n{_CREATE}{GUARD};\nDELETE FROM {SCHEMA}.migrations WHERE how = '{BASELINE}';\n"
        f"DELETE FROM {SCHEMA}.first_start;\nINSERT INTO {SCHEMA}.first_start DEFAULT VALUES;\nCOMMIT;\n",
        database,
    )


def end_first_start(server: Postgres, database: str) -> None:
    """Write down that a new database has all that belongs to it."""
    server.psql(f"UPDATE {SCHEMA}.first_start SET ended = now()", database)


def in_first_start(server: Postgres, database: str) -> bool:
    """Whether a new database is still on its way: a first deploy was cut off, or failed."""
    if server.psql(f"SELECT to_regclass('{SCHEMA}.first_start') IS NOT NULL", database) != ["t"]:
        return False
    return server.psql(f"SELECT count(*) > 0 FROM {SCHEMA}.first_start WHERE ended IS NULL", database) == ["t"]


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


def script(source: str, row: Row, facts: Facts, role: str, lock_seconds: float, statement_seconds: float) -> str:
    """What psql reads to run a file: its content from line 2 on, and its row in the same transaction.

    Before each statement, on its own line, what holds for it is set once more: the deadlines, and who runs it.

    Args:
        source: the file's content.
        row: its line in the ledger.
        facts: of the file.
        role: the application's, which owns what the file makes.
        lock_seconds: for how long it may wait for a lock: others wait behind it.
        statement_seconds: for how long each of its statements may run.
    """
    deadlines = {"lock_timeout": lock_seconds, "statement_timeout": statement_seconds}
    limits = "".join(f"SET LOCAL {name} = '{value:g}s'; " for name, value in deadlines.items())
    pieces, position, text = [], 0, source.removeprefix(chr(0xFEFF))
    for statement in facts.statements:
        runner = "NONE" if statement.admin else identifier(role)
        pieces += [text[position : statement.start], limits, f"SET LOCAL ROLE {runner}; "]
        position = statement.start
    pieces.append(text[position:])
    seconds = "round(extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.now())::numeric, 3)"
    return (
        f"SET client_encoding = 'UTF8'; SET lc_messages = 'C'; BEGIN; {lock_guard.HOLD};\n{''.join(pieces)}\n;\n"
        "SET LOCAL ROLE NONE;\n"
        f"DELETE FROM {SCHEMA}.migrations WHERE name = {literal(row.name)} AND how = '{BASELINE}';\n"
        f"INSERT INTO {SCHEMA}.migrations (name, sha256, how, seconds, release, breaks, restore_point) "
        f"VALUES ({_values(row, seconds)});\nCOMMIT;\n"
    )
