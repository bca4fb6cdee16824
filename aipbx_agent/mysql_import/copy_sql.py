"""MySQL's rows as PostgreSQL's COPY reads them, and figures by which both sides can be compared: texts, nothing else.

A column's value is made what the target's column takes by MySQL itself, so nothing stands between the two servers that
would have to understand it. What PostgreSQL cannot hold at all is changed and counted: a date of zeros (NULL; where
that is not allowed, 1970-01-01), and the character NUL in a text (left out).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aipbx_agent.databases.quoting import named, quoted

# Where the source's figures come to stand in the new database, until they have been compared.
FIGURES = "public.aipbx_import_figures"
# The source as one moment sees it, read and never written. The rest makes texts what the expressions below rely on,
# and keeps a source that waits for the target from hanging up.
BEGIN = """SET NAMES utf8mb4;
SET SESSION sql_mode = '', time_zone = '+00:00', net_write_timeout = 3600, group_concat_max_len = 1048576;
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;
"""
_EPOCH = "1970-01-01"
_KINDS = {
    "bool": "boolean",
    "bytea": "bytes",
    **dict.fromkeys(("text", "varchar", "json", "uuid"), "text"),
    **dict.fromkeys(("int2", "int4", "int8", "numeric"), "number"),
    **dict.fromkeys(("timestamp", "timestamptz"), "moment"),
    "date": "day",
}
_INEXACT = ("float", "double", "real")


class Column(NamedTuple):
    """A column on both sides.

    Args:
        source: its name in MySQL.
        source_type: its data type there, as `varchar`.
        target: its name in PostgreSQL.
        target_type: its type there, as pg_type names it; an enumeration is `text`.
        nullable: whether the target takes NULL.
    """

    source: str
    source_type: str
    target: str
    target_type: str
    nullable: bool

    @property
    def kind(self) -> str:
        """How it is carried over: boolean, bytes, text, number, moment, day, or other."""
        return _KINDS.get(self.target_type, "other")

    @property
    def measured(self) -> bool:
        """Whether its content can be compared, and not only how many values it has."""
        exact = self.kind != "number" or self.source_type not in _INEXACT
        return self.kind != "other" and exact


@dataclass(frozen=True)
class Table:
    """A table on both sides, its schema in PostgreSQL, and the columns that are carried over."""

    source: str
    schema: str
    target: str
    columns: Sequence[Column]


def identifier(name: str) -> str:
    """Return a name as PostgreSQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _zeros(column: Column) -> str:
    name = named(column.source)
    return f"YEAR({name}) = 0 OR MONTH({name}) = 0 OR DAYOFMONTH({name}) = 0"


def value(column: Column) -> str:
    """MySQL's expression for a value as PostgreSQL is given it, before it is written for COPY; NULL stays NULL."""
    name = named(column.source)
    if column.kind == "boolean":
        return f"IF({name} IS NULL, NULL, IF({name} + 0 <> 0, 't', 'f'))"
    if column.kind == "bytes":
        return f"CONCAT('\\\\x', HEX({name}))"
    if column.kind in {"moment", "day"}:
        instead = "NULL" if column.nullable else quoted(_EPOCH)
        return f"IF({name} IS NULL, NULL, IF({_zeros(column)}, {instead}, CAST({name} AS CHAR)))"
    if column.source_type == "bit":
        return f"({name} + 0)"
    if column.source_type == "float":
        return f"({name} * 1e0)"  # of a single one MySQL shows six digits, of a double one all
    text = f"REPLACE(CONVERT({name} USING utf8mb4), '\\0', '')"
    return f"LOWER({text})" if column.target_type == "uuid" else text


def copied(column: Column) -> str:
    """MySQL's expression for a value as COPY reads it."""
    text = value(column)
    if column.kind == "bytes":
        text = f"CONCAT('\\\\', {text})"  # COPY takes one of two
    elif column.kind in {"text", "other"}:
        for raw, escaped in (("\\\\", "\\\\\\\\"), ("\\t", "\\\\t"), ("\\n", "\\\\n"), ("\\r", "\\\\r")):
            text = f"REPLACE({text}, '{raw}', '{escaped}')"
    return f"IFNULL({text}, '\\\\N')"


def _of_source(column: Column) -> list[str]:
    text = value(column)
    figures = [f"COUNT({text})"]
    if not column.measured:
        return figures
    if column.kind == "boolean":
        figures.append(f"SUM({text} = 't')")
    elif column.kind == "number":
        figures.append(f"SUM({named(column.source)})" if column.source_type != "bit" else f"SUM({text})")
    elif column.kind == "moment":
        figures.append(f"SUM(TIMESTAMPDIFF(MICROSECOND, '{_EPOCH}', CAST({text} AS DATETIME(6))))")
    elif column.kind == "day":
        figures.append(f"SUM(DATEDIFF({text}, '{_EPOCH}'))")
    else:
        hashed = named(column.source) if column.kind == "bytes" else text
        figures.append(f"SUM(CAST(CONV(LEFT(MD5({hashed}), 8), 16, 10) AS UNSIGNED))")
    return figures


def _of_target(column: Column) -> list[str]:
    name = identifier(column.target)
    figures = [f"count({name})"]
    if not column.measured:
        return figures
    if column.kind == "boolean":
        figures.append(f"sum({name}::integer)")
    elif column.kind == "number":
        figures.append(f"sum({name})")
    elif column.kind == "moment":
        figures.append(f"sum((extract(epoch FROM {name}) * 1000000)::bigint)")
    elif column.kind == "day":
        figures.append(f"sum({name} - DATE '{_EPOCH}')")
    else:
        hashed = name if column.kind == "bytes" else f"{name}::text"
        figures.append(f"sum(('x' || left(md5({hashed}), 8))::bit(32)::bigint)")
    return figures


def meanings(table: Table) -> list[str]:
    """Return what each figure of a table means, in the order in which both sides return them."""
    names = ["rows"]
    for column in table.columns:
        names.append(f"values in {column.target}")
        names += [f"content of {column.target}"] * column.measured
    return names


def source_figures(table: Table) -> str:
    """MySQL's expression for a table's figures, a text with commas; `-` for what no row has."""
    each = ["COUNT(*)", *(figure for column in table.columns for figure in _of_source(column))]
    return "CONCAT_WS(',', " + ", ".join(f"IFNULL(CAST({figure} AS CHAR), '-')" for figure in each) + ")"


def target_figures(table: Table) -> str:
    """PostgreSQL's query for the same."""
    each = ["count(*)", *(figure for column in table.columns for figure in _of_target(column))]
    listed = ", ".join(f"coalesce(({figure})::text, '-')" for figure in each)
    place = f"{identifier(table.schema)}.{identifier(table.target)}"
    return f"SELECT concat_ws(',', {listed}) FROM {place};\n"


def _changed(table: Table) -> str:
    """MySQL's expression for how many values PostgreSQL cannot hold: dates of zeros, and texts with NUL."""
    zeros = [f"({_zeros(column)})" for column in table.columns if column.kind in {"moment", "day"}]
    nul = [
        f"(INSTR(CONVERT({named(column.source)} USING utf8mb4), '\\0') > 0)"
        for column in table.columns
        if column.kind in {"text", "other"} and column.source_type.endswith(("char", "text", "json", "blob", "binary"))
    ]
    counts = [" + ".join(f"IFNULL(SUM({sequence}), 0)" for sequence in each) or "0" for each in (zeros, nul)]
    return f"CONCAT({counts[0]}, ',', {counts[1]})"


def reading(tables: Sequence[Table]) -> str:
    """Return what MySQL is asked; what it answers is a script for psql: every row of the tables, then their figures."""
    lines = [BEGIN, _say("SET client_encoding = 'UTF8'; SET timezone = 'UTC';")]
    for table in tables:
        columns = ", ".join(identifier(column.target) for column in table.columns)
        place = f"{identifier(table.schema)}.{identifier(table.target)}"
        lines.append(_say(f"COPY {place} ({columns}) FROM stdin;"))
        values = ", ".join(copied(column) for column in table.columns)
        lines += [f"SELECT {values} FROM {named(table.source)};\n", _say("\\.")]
    lines.append(_say(f"COPY {FIGURES} FROM stdin;"))
    for number, table in enumerate(tables):
        lines.append(f"SELECT {number}, {source_figures(table)}, {_changed(table)} FROM {named(table.source)};\n")
    return "".join([*lines, _say("\\."), "COMMIT;\n"])


def _say(text: str) -> str:
    return f"SELECT {quoted(text)};\n"


def sequences(table: Table, counter: int, columns: Sequence[tuple[str, str, int]]) -> str:
    """PostgreSQL's statements that let its sequences continue where MySQL's counter stood, or the rows end.

    Args:
        table: the table.
        counter: the next number that MySQL would have given; 0: it counts nothing.
        columns: that have a sequence: the column's name, the sequence's, and the greatest number of it.
    """
    place = f"{identifier(table.schema)}.{identifier(table.target)}"
    statements = []
    for column, sequence, most in columns:
        stood = counter - 1 if 0 < counter <= most else 0
        last = f"LEAST(GREATEST(max({identifier(column)}), {stood}), {most})"
        literal = "'" + sequence.replace("'", "''") + "'"
        statements.append(f"SELECT setval({literal}, {last}) FROM {place} HAVING {last} > 0;\n")
    return "".join(statements)
