"""The columns of a database, and which table refers to which: what scrub rules must cover."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aipbx_agent.databases.postgres import contents
from aipbx_agent.databases.postgres.client import Client

# A generated column is made of others, so that what becomes of those becomes of it.
_COLUMNS = contents.listing(
    columns="""json_build_array(n.nspname, c.relname, (
    SELECT coalesce(json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull)
                             ORDER BY a.attnum), '[]')
    FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''))"""
)
_REFERENCES = """
SELECT json_build_array(cn.nspname, c.relname, rn.nspname, r.relname) FROM pg_constraint f
JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_class r ON r.oid = f.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE f.contype = 'f' ORDER BY 1::text
"""


@dataclass(frozen=True)
class Column:
    """A column.

    Args:
        kind: its type, as SQL has it.
        required: whether it takes no NULL.
    """

    name: str
    kind: str
    required: bool


@dataclass(frozen=True)
class Table:
    """A table, as SQL has it, and as `Contents.tables` names it."""

    schema: str
    name: str
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        """Its name in `Contents.tables`."""
        return contents.qualified(self.schema, self.name)


@dataclass(frozen=True)
class Schema:
    """What a database has tables of.

    Args:
        tables: those that a dump brings the rows of.
        references: pairs of table titles: which refers to which.
    """

    tables: tuple[Table, ...]
    references: tuple[tuple[str, str], ...] = ()


def read(server: Client, database: str) -> Schema:
    """Read the schema of a database."""
    tables = [json.loads(row) for row in server.psql(_COLUMNS, database)]
    references = [json.loads(row) for row in server.psql(_REFERENCES, database)]
    return Schema(
        tuple(Table(schema, name, tuple(Column(*column) for column in columns)) for schema, name, columns in tables),
        tuple((contents.qualified(*reference[:2]), contents.qualified(*reference[2:])) for reference in references),
    )
