"""What a migration removes: which rows, of which table and columns; the host counts them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aipbx_agent.migrations.facts import ROWS, UNKNOWN, VALUES, Loss
from fleet.migrations import grammar
from fleet.migrations.grammar import Part

_TABLES = {"OBJECT_TABLE": "DROP TABLE", "OBJECT_MATVIEW": "DROP MATERIALIZED VIEW"}
# With CASCADE these take no column and no table along.
_HARMLESS = {"OBJECT_VIEW", "OBJECT_INDEX", "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE", "OBJECT_STATISTIC_EXT"}
# Functions that run SQL which is handed to them as a text, or delete what is no table's.
_RUN_TEXT = {
    *("query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "lo_unlink"),
    *("dblink", "dblink_exec", "dblink_open", "dblink_send_query"),
}
# Where a name without a schema leads to the same table in the file and in our own question.
_ORDINARY = {"public", "pg_catalog", "pg_temp", "$user", "aipbx_fleet", ""}


def of(parts: list[Part]) -> list[Loss]:
    """Return what a file removes, each once.

    Args:
        parts: all of the file's.
    """
    losses = [loss for part in parts for loss in _of_part(part)]
    if any(_moves_names(part) for part in parts):
        losses = [_elsewhere(loss) if loss.table[1] and not loss.table[0] else loss for loss in losses]
    functions = {".".join(name.string.sval for name in part.node.funcname) for part in parts if _makes_function(part)}
    return list(dict.fromkeys(loss for loss in losses if loss.what not in {f"CALL {name}" for name in functions}))


def _makes_function(part: Part) -> bool:
    return part.kind == "CreateFunctionStmt"


def _elsewhere(loss: Loss) -> Loss:
    return Loss(loss.line, f"{loss.what} of {loss.table[1]}, which search_path leads to", UNKNOWN)


def _moves_names(part: Part) -> bool:
    """Return whether names without a schema may lead to other tables from there on."""
    for kind, node in grammar.nodes(part):
        if kind == "VariableSetStmt" and node.name.lower() == "search_path":
            if any(arg.a_const.sval.sval.lower() not in _ORDINARY for arg in node.args):
                return True
        elif kind == "FuncCall" and node.funcname[-1].string.sval == "set_config":
            texts = [arg.a_const.sval.sval.lower() for arg in node.args[:2]]
            if texts[0] == "search_path" and any(name.strip() not in _ORDINARY for name in texts[1].split(",")):
                return True
    return False


def _of_part(part: Part) -> Iterator[Loss]:
    if part.kind in {grammar.DYNAMIC, grammar.UNREAD}:
        what = "SQL that is made when it runs" if part.kind == grammar.DYNAMIC else part.text
        yield Loss(part.line, what, UNKNOWN)
    for kind, node in grammar.nodes(part):
        reader = _READERS.get(kind)
        if reader:
            yield from reader(part, node)


def _drop(part: Part, node: Any) -> Iterator[Loss]:
    kind = node.DESCRIPTOR.fields_by_name["remove_type"].enum_type.values_by_number[node.remove_type].name
    cascades = _is(node, "behavior", "DROP_CASCADE")
    if kind in _TABLES:
        for name in node.objects:
            names = [item.string.sval for item in name.list.items]
            yield Loss(part.line, _TABLES[kind], ROWS, (names[-2] if len(names) > 1 else "", names[-1]))
    elif kind == "OBJECT_EXTENSION" or (cascades and kind not in _HARMLESS):
        yield Loss(part.line, _short(part), UNKNOWN)


def _truncate(part: Part, node: Any) -> Iterator[Loss]:
    for relation in node.relations:
        cascades = _is(node, "behavior", "DROP_CASCADE")
        line = part.line_of(relation.range_var)
        yield Loss(line, "TRUNCATE", ROWS, _table(relation.range_var), cascade=cascades)


def _alter(part: Part, node: Any) -> Iterator[Loss]:
    composite = _is(node, "objtype", "OBJECT_TYPE")
    for action in node.cmds:
        command = action.alter_table_cmd
        kind = command.DESCRIPTOR.fields_by_name["subtype"].enum_type.values_by_number[command.subtype].name
        if kind in {"AT_DropColumn", "AT_AlterColumnType"}:
            what = "DROP COLUMN" if kind == "AT_DropColumn" else "another type for column"
            if composite:
                yield Loss(part.line, _short(part), UNKNOWN)
            else:
                yield Loss(part.line, f"{what} {command.name}", VALUES, _table(node.relation), (command.name,))
        elif kind == "AT_DetachPartition":
            yield Loss(part.line, "DETACH PARTITION", ROWS, _table(getattr(command, "def").partition_cmd.name))
        elif kind == "AT_DropInherit":
            yield Loss(part.line, "NO INHERIT", ROWS, _table(node.relation))


def _delete(part: Part, node: Any) -> Iterator[Loss]:
    what = "DELETE of every row" if _every_row(node) else "DELETE"
    yield Loss(part.line_of(node.relation), what, ROWS, _table(node.relation))


def _update(part: Part, node: Any) -> Iterator[Loss]:
    if _every_row(node):
        columns = tuple(target.res_target.name for target in node.target_list)
        what = f"UPDATE of every row's {', '.join(columns)}"
        yield Loss(part.line_of(node.relation), what, VALUES, _table(node.relation), columns)


def _merge(part: Part, node: Any) -> Iterator[Loss]:
    if any(_is(clause.merge_when_clause, "command_type", "CMD_DELETE") for clause in node.merge_when_clauses):
        yield Loss(part.line_of(node.relation), "MERGE that deletes", ROWS, _table(node.relation))


def _owned(part: Part, _: Any) -> Iterator[Loss]:
    yield Loss(part.line, _short(part), UNKNOWN)


def _called(part: Part, node: Any) -> Iterator[Loss]:
    if node.funcname[-1].string.sval in _RUN_TEXT:
        yield Loss(part.line_of(node), f"{node.funcname[-1].string.sval}()", UNKNOWN)


def _procedure(part: Part, node: Any) -> Iterator[Loss]:
    name = ".".join(name.string.sval for name in node.funccall.funcname)
    yield Loss(part.line, f"CALL {name}", UNKNOWN)


_READERS = {
    "DropStmt": _drop,
    "TruncateStmt": _truncate,
    "AlterTableStmt": _alter,
    "DeleteStmt": _delete,
    "UpdateStmt": _update,
    "MergeStmt": _merge,
    "DropOwnedStmt": _owned,
    "FuncCall": _called,
    "CallStmt": _procedure,
}


def _every_row(node: Any) -> bool:
    """Return whether nothing chooses rows: no WHERE, or one that is always true."""
    if not node.HasField("where_clause"):
        return True
    where = node.where_clause
    if where.HasField("a_const"):
        return bool(where.a_const.boolval.boolval)
    if not where.HasField("a_expr"):
        return False
    left, right = where.a_expr.lexpr, where.a_expr.rexpr
    same = left.HasField("a_const") and right.HasField("a_const") and left.a_const.ival == right.a_const.ival
    return same and [part.string.sval for part in where.a_expr.name] == ["="]


def _table(relation: Any) -> tuple[str, str]:
    return relation.schemaname, relation.relname


def _is(node: Any, field: str, value: str) -> bool:
    return bool(getattr(node, field) == node.DESCRIPTOR.fields_by_name[field].enum_type.values_by_name[value].number)


def _short(part: Part) -> str:
    return part.text if len(part.text) <= 60 else f"{part.text[:59]}…"
