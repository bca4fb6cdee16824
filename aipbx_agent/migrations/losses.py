"""How many rows a migration would remove from this database, and what of a marked one is missing in it."""

from __future__ import annotations

import json

from aipbx_agent.databases.postgres import sessions
from aipbx_agent.databases.postgres.client import LONG
from aipbx_agent.databases.postgres.contents import qualified
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.quoting import identifier, literal
from aipbx_agent.migrations.facts import ROWS, UNKNOWN, Facts, Loss

# The tables that TRUNCATE … CASCADE empties: those that refer to it, and so on. Their names, and no SQL: with functions
# of its own the application could answer anything, and psql would run it.
_REFERRING = """
WITH RECURSIVE reached(oid) AS (
    SELECT {table}::regclass::oid
    UNION SELECT c.conrelid FROM pg_constraint c JOIN reached r ON r.oid = c.confrelid WHERE c.contype = 'f'
)
SELECT pg_catalog.json_build_array(n.nspname, c.relname)
FROM reached JOIN pg_catalog.pg_class c ON c.oid = reached.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""


def described(server: Postgres, database: str, facts: Facts, *, renames: bool) -> list[str]:
    """Return what a file removes that holds rows, a line each.

    Args:
        server: the live one.
        facts: of the file.
        renames: whether a table that is not there now may be there under this name by then.
    """
    lines = [_line(server, database, loss, renames=renames) for loss in facts.losses]
    return list(dict.fromkeys(line for line in lines if line))


def _line(server: Postgres, database: str, loss: Loss, *, renames: bool) -> str:
    begin = f"line {loss.line}: {loss.what}"
    if loss.kind == UNKNOWN:
        return f"{begin}; how many rows that affects is unknown"
    table = _name(loss.table)
    if not _exists(server, database, table):
        return f"{begin} of {_plain(loss)}, which gets its name on the way" if renames else ""
    if _query(server, database, f"SELECT has_table_privilege({literal(table)}, 'SELECT')") != ["t"]:
        # An operator made it, as the superuser.
        return f"{begin} of {_plain(loss)}, which is not the application's; how many rows that affects is unknown"
    if loss.kind == ROWS:
        rows = _rows(server, database, table, cascade=loss.cascade)
        more = " with those that refer to it" if loss.cascade else ""
        return f"{begin}: {_plain(loss)} has {rows} rows{more}" if rows else ""
    columns = [column for column in loss.columns if _has(server, database, table, column)]
    if not columns:
        return f"{begin} of {_plain(loss)}, which gets its name on the way" if renames else ""
    filled = " OR ".join(f"{identifier(column)} IS NOT NULL" for column in columns)
    sql = f"SELECT count(*) FILTER (WHERE {filled}) || ' of ' || count(*) FROM {table}"
    rows_with = _query(server, database, sql)[0]
    return "" if rows_with.startswith("0 ") else f"{begin}: {rows_with} rows of {_plain(loss)} have a value"


def _rows(server: Postgres, database: str, table: str, *, cascade: bool) -> int:
    emptied = [table]
    if cascade:
        referring = _query(server, database, _REFERRING.format(table=literal(table)))
        emptied = [_name(json.loads(row)) for row in referring]
    return sum(int(_query(server, database, f"SELECT count(*) FROM {name}")[0]) for name in emptied)


def _exists(server: Postgres, database: str, table: str) -> bool:
    return _query(server, database, f"SELECT to_regclass({literal(table)}) IS NOT NULL") == ["t"]


def _has(server: Postgres, database: str, table: str, column: str) -> bool:
    sql = (
        f"SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass({literal(table)}) "
        f"AND attname = {literal(column)} AND NOT attisdropped"
    )
    return _query(server, database, sql) == ["1"]


def absent(server: Postgres, database: str, facts: Facts) -> list[str]:
    """Return what a file makes and this database does not have, as `column note of invoices`."""
    missing = []
    for kind, schema, name, *rest in facts.makes:
        if kind == "extension":
            sql = f"SELECT count(*) FROM pg_extension WHERE extname = {literal(name)}"
            exists = _query(server, database, sql) == ["1"]
        else:
            exists = _exists(server, database, _name((schema, name)))
            exists = exists and (not rest or _has(server, database, _name((schema, name)), rest[0]))
        if not exists:
            missing.append(f"{kind} {rest[0]} of {name}" if rest else f"{kind} {name}")
    return missing


def _query(server: Postgres, database: str, sql: str) -> list[str]:
    """Ask as the application's role: a view under a table's name runs what that role wrote."""
    # A migration finds names as the database has it, and not as that role has it when it logs in.
    (path,) = server.psql("SHOW search_path", database, leave=sessions.OF_THE_DATABASE)
    found_by = f"SELECT pg_catalog.set_config('search_path', {literal(path)}, false) AS path \\gset\n"
    return server.as_owner(database).psql(f"{found_by}{sql}", database, LONG, leave=sessions.OF_THE_DATABASE)


def _name(table: tuple[str, str]) -> str:
    return ".".join(identifier(part) for part in table if part)


def _plain(loss: Loss) -> str:
    return qualified(*loss.table) if loss.table[0] else loss.table[1]
