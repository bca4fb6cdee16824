"""What a database of PostgreSQL holds, counted row by row."""

from __future__ import annotations

import json
import re
from typing import Any

from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.postgres.client import LONG, Client
from aipbx_agent.databases.postgres.properties import PROPERTIES, ROLES, STAYS
from aipbx_agent.databases.quoting import identifier, literal

PLAIN = re.compile(r"[^\W\d]\w*")
# An extension's own tables come with it, and not from a dump, unless it says that users write to them (extconfig).
# A materialized view is no table: what it holds is made of them, or not at all (WITH NO DATA, and counting it fails).
_TABLES = """
SELECT {columns} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
  AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                    AND d.refclassid = 'pg_extension'::regclass AND c.oid <> ALL (coalesce(e.extconfig, '{{}}')))
ORDER BY 1::text
"""


def listing(columns: str) -> str:
    """Return the SQL that lists the tables whose rows a dump brings: of each, this expression over `c` and `n`."""
    return _TABLES.format(columns=columns)


TABLES = listing("json_build_array(n.nspname, c.relname)")
# With the column that is written most quickly: one of a fixed length.
COUNTED = listing(
    columns="""(jsonb_build_array(n.nspname, c.relname) || coalesce(
    (SELECT jsonb_build_array(a.attname) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     ORDER BY a.attlen < 0, a.attnum LIMIT 1), '[]'))"""
)
REST = """
SELECT json_build_object(
  'sequences', (SELECT coalesce(json_object_agg(schemaname || '.' || sequencename, last_value), '{{}}')
                FROM pg_sequences WHERE last_value IS NOT NULL),
  'extensions', (SELECT coalesce(json_object_agg(extname, extversion), '{{}}') FROM pg_extension),
  'large_objects', (SELECT count(*) FROM pg_largeobject_metadata),
  'views', (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')),
  'properties', {properties}, 'roles', {roles}, 'stays', {stays})
"""


def qualified(schema: str, table: str) -> str:
    """Return a table's name as `Contents.tables` has it: quoted where a dot or a quote would make two of one."""
    return ".".join(name if PLAIN.fullmatch(name) else identifier(name) for name in (schema, table))


def counting(tables: list[list[str]]) -> str:
    """The SQL that counts the rows of tables `[schema, table, column]`, a line `number rows` each, in their order.

    COPY reads the rows and nothing else: to plan a query, the server evaluates the expressions of a table's indexes and
    statistics, and a view under a table's name runs what it is made of, as the superuser. Texts stay as they are.

    Args:
        tables: with a column that is quickly written; without one where a table has none.
    """
    return "".join(
        f"COPY {identifier(schema)}.{identifier(table)}{''.join(f' ({identifier(name)})' for name in column)} "
        f"TO '/dev/null' (ENCODING 'SQL_ASCII');\n\\echo {number} :ROW_COUNT\n"
        for number, (schema, table, *column) in enumerate(tables)
    )


def at_snapshot(moment: str, sql: str) -> str:
    """The same SQL as the server's data were at an exported moment; empty: now."""
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n"
    return begin + (f"SET TRANSACTION SNAPSHOT {literal(moment)};\n" if moment else "") + f"{sql};\nCOMMIT;\n"


def contents(server: Client, database: str, moment: str = "") -> Contents:
    """Return what a database holds, counted row by row."""
    tables: list[list[str]] = [json.loads(row) for row in server.psql(at_snapshot(moment, COUNTED), database)]
    counted = [line.split() for line in server.psql(at_snapshot(moment, counting(tables)), database, LONG)]
    rows = {qualified(*tables[int(number)][:2]): int(count) for number, count in counted}
    rest = REST.format(properties=PROPERTIES, roles=ROLES, stays=STAYS)
    answer: dict[str, Any] = json.loads("".join(server.psql(at_snapshot(moment, rest), database)))
    return Contents(tables=rows, **answer)
