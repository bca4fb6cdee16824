"""Scrub rules: what becomes of each column of customers' data, and which tables lose their rows.

They come as the file `scrub_rules` of the inventory says them:
    {"empty": ["aiCdr"], "tables": {"users": {"keep": ["id"], "email": ["email"], "constant": {"name": "x"}}}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aipbx_agent.databases.quoting import identifier, literal
from aipbx_agent.migrations import ledger
from aipbx_agent.staging.schema import Column, Schema, Table

KEEP, CONSTANT = "keep", "constant"
# How a value is made of a column's hash. The same value becomes the same one everywhere, so that what refers to
# another row still does, and what was unique still is. No one has an address below .invalid, or a number at +999.
_MADE = {
    "hash": "left({hash}, 32)",
    "email": "'user-' || left({hash}, 16) || '@staging.invalid'",
    "phone": "'+999' || lpad((('x' || left({hash}, 15))::bit(60)::bigint % 1000000000000)::text, 12, '0')",
}
KINDS = (KEEP, "null", CONSTANT, *_MADE)


@dataclass(frozen=True)
class Rule:
    """What becomes of a column.

    Args:
        kind: one of KINDS.
        value: for `constant`.
    """

    kind: str
    value: str = ""


@dataclass(frozen=True)
class Rules:
    """What becomes of a database.

    Args:
        empty: tables that lose their rows, by title.
        columns: the rule of each column, by its table's title and its name.
    """

    empty: frozenset[str]
    columns: Mapping[str, Mapping[str, Rule]]

    def problems(self, schema: Schema) -> list[str]:
        """Return why a database cannot be scrubbed by these rules, a line each."""
        lines = [line for table in schema.tables for line in self._of_table(table)]
        broken = [pair for pair in schema.references if pair[1] in self.empty and pair[0] not in self.empty]
        return lines + [
            f"{referring} refers to {other}, which loses its rows: empty both" for referring, other in broken
        ]

    def gone(self, schema: Schema) -> list[str]:
        """Return what has a rule and is not in a database."""
        existing = {table.title: {column.name for column in table.columns} for table in schema.tables}
        tables = sorted((self.empty | self.columns.keys()) - existing.keys())
        columns = [
            f"{table}.{name}"
            for table, rules in self.columns.items()
            for name in rules
            if table in existing and name not in existing[table]
        ]
        return tables + columns

    def sql(self, schema: Schema, salt: str) -> str:
        """Return what scrubs a database that has no problem.

        Args:
            salt: what no one knows; without it a guess of a value could be hashed and compared.
        """
        empty = [_place(table) for table in schema.tables if table.title in self.empty]
        updates = (self._update(table, salt) for table in schema.tables if table.title in self.columns)
        return "\n".join(
            ([f"TRUNCATE {', '.join(empty)};"] if empty else []) + [update for update in updates if update]
        )

    def _of_table(self, table: Table) -> Iterator[str]:
        # Our own know nothing of customers.
        if table.title in self.empty or table.title in ledger.TABLES_OF_OURS:
            return
        rules = self.columns.get(table.title, {})
        for column in table.columns:
            if column.name not in rules:
                yield f"{table.title}.{column.name} has no rule"
            elif rules[column.name].kind == "null" and column.required:
                yield f"{table.title}.{column.name} takes no NULL"

    def _update(self, table: Table, salt: str) -> str:
        rules = self.columns[table.title]
        changed = [column for column in table.columns if rules[column.name].kind != KEEP]
        values = [f"{identifier(column.name)} = {_value(rules[column.name], column, salt)}" for column in changed]
        return f"UPDATE ONLY {_place(table)} SET {', '.join(values)};" if values else ""


def parse(content: object) -> Rules:
    """Read rules.

    Raises:
        ValueError: they are malformed; says where.
    """
    raw = _mapping(content, "the file")
    if unknown := sorted(raw.keys() - {"empty", "tables"}):
        raise ValueError(f"{unknown[0]!r} is neither `empty` nor `tables`")
    empty = [_title(text) for text in _texts(raw.get("empty", []), "empty")]
    columns = {_title(name): _columns(name, body) for name, body in _mapping(raw.get("tables", {}), "tables").items()}
    if both := sorted(columns.keys() & set(empty)):
        raise ValueError(f"{both[0]} loses its rows, and has rules for its columns")
    return Rules(frozenset(empty), columns)


def _columns(table: str, body: Any) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for kind, names in _mapping(body, table).items():
        if kind not in KINDS:
            raise ValueError(f"{table}: {kind!r} is not one of {', '.join(KINDS)}")
        values = _mapping(names, table) if kind == CONSTANT else dict.fromkeys(_texts(names, f"{table}.{kind}"), "")
        for name, value in values.items():
            if name in rules:
                raise ValueError(f"{table}.{name} has two rules")
            rules[name] = Rule(kind, str(value))
    return rules


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not a table of names")
    return value


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{where} is not a list of names")
    return value


def _title(name: str) -> str:
    return name if "." in name else f"public.{name}"


def _place(table: Table) -> str:
    return f"{identifier(table.schema)}.{identifier(table.name)}"


def _value(rule: Rule, column: Column, salt: str) -> str:
    if rule.kind == "null":
        return "NULL"
    if rule.kind == CONSTANT:
        return literal(rule.value)
    text = f"{literal(salt)} || {identifier(column.name)}::text"
    value = _MADE[rule.kind].format(hash=f"encode(sha256(convert_to({text}, 'SQL_ASCII')), 'hex')")
    return f"({value})::{column.kind}"
