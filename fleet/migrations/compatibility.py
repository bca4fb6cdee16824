"""What an older release may not run with: only what is known to be harmless to it counts as such."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fleet.migrations import grammar
from fleet.migrations.grammar import Part

_DECLARED = re.compile(r"--\s*aipbx:\s*backward-compatible\s*")
# Statements that only add, or change nothing that a release reads.
_ADDS = {
    *("CreateStmt", "CreateTableAsStmt", "CreateSeqStmt", "CreateExtensionStmt", "CreateSchemaStmt", "ViewStmt"),
    *("CreateEnumStmt", "CompositeTypeStmt", "CreateRangeStmt", "DefineStmt", "CommentStmt", "VariableSetStmt"),
    *("CreateStatsStmt", "DoStmt"),
}
_STRICT = {"CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_CHECK", "CONSTR_EXCLUSION"}
_FILLED = {"CONSTR_DEFAULT", "CONSTR_GENERATED", "CONSTR_IDENTITY"}
_SERIAL = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}


@dataclass
class Made:
    """What the same file has made, of which an older release knows nothing.

    Attributes:
        tables: schema and name.
        columns: the same, and the column.
    """

    tables: set[tuple[str, str]] = field(default_factory=set)
    columns: set[tuple[str, str, str]] = field(default_factory=set)


def declared(source: str) -> bool:
    """Return whether the comments at the top of a file say that older releases can run with it."""
    for line in source.removeprefix("\ufeff").splitlines():
        if _DECLARED.fullmatch(line.strip()):
            return True
        if line.strip() and not line.strip().startswith("--"):
            return False
    return False


def breaks(source: str, parts: Iterable[Part]) -> str:
    """Return what an older release may not run with, in a few words; empty: it can.

    Args:
        source: the file's content.
        parts: its parts.
    """
    if declared(source):
        return ""
    objects = Made()
    return next((f"line {part.line}: {_short(part.text)}" for part in parts if not _harmless(part, objects)), "")


def _harmless(part: Part, objects: Made) -> bool:
    kind, node = part.kind, part.node
    if node is None:
        return False
    if kind == "CreateStmt":
        objects.tables.add(_table(node.relation))
    if kind in _ADDS:
        return not _changes_rows(part)
    if kind == "SelectStmt":
        return part.inside or not _changes_rows(part, calls=True)
    if kind == "GrantStmt":
        return bool(node.is_grant)
    if kind == "VacuumStmt":
        return not node.is_vacuumcmd
    relation = getattr(node, "relation", None)
    if relation is not None and _table(relation) in objects.tables and kind != "RenameStmt":
        return True
    if kind == "IndexStmt":
        return not node.unique
    if kind == "UpdateStmt":
        return all((*_table(relation), target.res_target.name) in objects.columns for target in node.target_list)
    return kind == "AlterTableStmt" and all(
        _adds_column(node, command.alter_table_cmd, objects) for command in node.cmds
    )


def _changes_rows(part: Part, *, calls: bool = False) -> bool:
    """Return whether something inside a statement writes; or calls what may write."""
    writes = {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", *(["FuncCall"] if calls else [])}
    return any(kind in writes for kind, _ in grammar.nodes(part))


def _adds_column(table: Any, command: Any, objects: Made) -> bool:
    """Return whether it adds a column that an older release need not fill."""
    if command.subtype != command.DESCRIPTOR.fields_by_name["subtype"].enum_type.values_by_name["AT_AddColumn"].number:
        return False
    column = getattr(command, "def").column_def
    kinds = set(_constraints(column))
    objects.columns.add((*_table(table.relation), column.colname))
    filled = kinds & _FILLED or column.type_name.names[-1].string.sval in _SERIAL
    return not kinds & _STRICT and ("CONSTR_NOTNULL" not in kinds or bool(filled))


def _constraints(column: Any) -> Iterator[str]:
    for constraint in column.constraints:
        values = constraint.constraint.DESCRIPTOR.fields_by_name["contype"].enum_type.values_by_number
        yield values[constraint.constraint.contype].name


def _table(relation: Any) -> tuple[str, str]:
    return ("" if relation.schemaname == "public" else relation.schemaname), relation.relname


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
