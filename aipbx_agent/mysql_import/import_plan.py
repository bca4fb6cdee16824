"""Which table of MySQL's becomes which of PostgreSQL's, column by column; or why that is not clear."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.mysql_import.copy_sql import Column, Table
from aipbx_agent.mysql_import.mysql_source import Reader

_T = TypeVar("_T")
# Names come in hexadecimal: whatever is in them, a line stays a line.
SOURCE_COLUMNS = """SET NAMES utf8mb4;
SELECT HEX(table_name), HEX(column_name), LOWER(data_type)
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
ORDER BY table_name, ordinal_position;
"""
SOURCE_TABLES = """SET NAMES utf8mb4;
SELECT HEX(table_name), IFNULL(auto_increment, 0), IFNULL(data_length + index_length, 0), IFNULL(engine, '')
FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE';
"""
SOURCE_REST = """
SELECT 'views', COUNT(*) FROM information_schema.views WHERE table_schema = DATABASE();
SELECT 'triggers', COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE();
SELECT 'procedures and functions', COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE();
SELECT 'events', COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE();
"""
# A generated column is not written to; a domain is what it is made of.
TARGET = """
SELECT json_build_array(n.nspname, c.relname, a.attname,
  CASE WHEN t.typtype = 'e' THEN 'text' WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END,
  NOT a.attnotnull, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY n.nspname <> 'public', n.nspname, c.relname, a.attnum
"""
_SHOWN = 12


@dataclass(frozen=True)
class Plan:
    """What is carried over.

    Args:
        tables: what comes, table by table.
        counters: MySQL's next number of each table of its, 0 where it counts nothing.
        stays: PostgreSQL's tables of which MySQL has none: their rows stay as they are.
        bytes: of the source.
        notes: what an operator should know of the source.
    """

    tables: list[Table]
    counters: dict[str, int]
    stays: list[str]
    bytes: int
    notes: list[str] = field(default_factory=list)


def make(reader: Reader, server: Postgres, database: str, without: tuple[str, ...]) -> Plan:
    """Return a plan for a source and the live database's schema.

    Args:
        reader: the source.
        server: the live server.
        database: the live one's name.
        without: the source's tables that are left out.

    Raises:
        Refused: not every row would find its place.
    """
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in reader.ask(SOURCE_COLUMNS):
        columns.setdefault(_text(table), {})[_text(column)] = kind
    existing = [
        (_text(name), int(counter), int(size), engine) for name, counter, size, engine in reader.ask(SOURCE_TABLES)
    ]
    if not columns:
        raise Refused(f"{reader.title} holds no table.", "Its database is empty.", "Is it the right one? --database=…")
    if unknown := sorted(set(without) - set(columns)):
        raise Refused(
            f"{reader.title} has no table {', '.join(unknown)}.", f"It has {_shown(columns)}.", "Fix --without."
        )
    target = [json.loads(row) for row in server.psql(TARGET, database)]
    chosen = {name: kinds for name, kinds in columns.items() if name not in without}
    tables, stays = matched(reader.title, chosen, target)
    return Plan(
        tables=tables,
        counters={name: counter for name, counter, _, _ in existing},
        stays=stays,
        bytes=sum(size for _, _, size, _ in existing),
        notes=[
            *(f"{', '.join(without)} left out, as requested." for _ in without[:1]),
            *(
                f"{name} is {engine}: what is written to it meanwhile may come or not."
                for name, _, _, engine in existing
                if engine.lower() != "innodb" and name in chosen
            ),
            *(f"{count} {what} are not carried over." for what, count in reader.ask(SOURCE_REST) if int(count)),
        ],
    )


def matched(
    title: str, source: Mapping[str, Mapping[str, str]], target: Iterable[tuple[str, str, str, str, bool, bool]]
) -> tuple[list[Table], list[str]]:
    """Find the place of every table and column of the source; by its name, or else by its name in other case.

    Args:
        title: the source's.
        source: data type by column, by table.
        target: schema, table, column, type, whether it takes NULL, whether it must be given; in order.

    Returns: the tables, and those of the target that get nothing.

    Raises:
        Refused: some have none.
    """
    known: dict[tuple[str, str], list[tuple[str, str, bool, bool]]] = {}
    for schema, table, name, kind, nullable, needed in target:
        known.setdefault((schema, table), []).append((name, kind, nullable, needed))
    tables, lost, places = [], [], set()
    for name, kinds in source.items():
        place = _found(name, {table: (schema, table) for schema, table in reversed(known)})
        if place is None or place in places:
            lost.append(f"table {name}")
            continue
        places.add(place)
        columns = []
        for column, kind in kinds.items():
            other = _found(column, {column[0]: column for column in known[place]})
            if other is None:
                lost.append(f"{name}.{column}")
            else:
                columns.append(Column(column, kind, other[0], other[1], other[2]))
        filled = {column.target for column in columns}
        lost += [f"{name}: nothing for {column[0]}" for column in known[place] if column[3] and column[0] not in filled]
        tables.append(Table(name, place[0], place[1], columns))
    if lost:
        raise Refused(
            f"Not all of {title} fits the application's database: {_shown(lost)}.",
            "The release here differs from the source's, or these are not the application's tables.",
            "Deploy the release that knows them and apply its migrations; or leave tables out: --without=a,b",
        )
    return tables, [f"{schema}.{table}" for schema, table in known if (schema, table) not in places]


def _found(name: str, among: Mapping[str, _T]) -> _T | None:
    if name in among:
        return among[name]
    same = [value for other, value in among.items() if other.casefold() == name.casefold()]
    return same[0] if len(same) == 1 else None


def _text(hexadecimal: str) -> str:
    return bytes.fromhex(hexadecimal).decode()


def _shown(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
