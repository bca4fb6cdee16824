"""What a host gets of each migration: facts that the grammar gives, so that it need not read SQL itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from fleet.migrations import compatibility, grammar, losses, refusals
from fleet.migrations.grammar import Part, Statement


def facts(source: str) -> dict[str, Any]:
    """Read a file.

    Args:
        source: its content.

    Returns: as JSON has it (`Facts` of aipbx_agent/migrations/facts.py):

        statements: where each begins (a character of the file without its byte order mark), its first and last line,
            and whether the server's superuser runs it.
        cannot: what of it cannot be run: line, statement, why, what to do.
        losses: what it removes.
        breaks: what an older release may not run with; empty: it can.
        renames: whether it gives names to what had others.
        makes: what is there once it was run: kind, schema, name, and of a column its name.
        takes: the same of what is there no longer.
    """
    text = source.removeprefix("\ufeff")
    try:
        read = grammar.statements(text)
    except grammar.UnreadableError as problem:
        return _none() | {"cannot": [list(refusals.of_syntax(problem))]}
    parts = [part for statement in read for part in statement.parts]
    return {
        "statements": [_statement(statement) for statement in read],
        "cannot": [list(refusal) for part in parts for refusal in refusals.of(part)],
        "losses": [asdict(loss) for loss in losses.of(parts)],
        "breaks": compatibility.breaks(source, parts),
        "renames": any(_renames(part) for part in parts),
        "makes": [make for part in parts if not part.inside for make in _makes(part)],
        "takes": [take for part in parts for take in _takes(part)],
    }


def _none() -> dict[str, Any]:
    return {"statements": [], "losses": [], "breaks": "", "renames": False, "makes": [], "takes": []}


def _statement(statement: Statement) -> dict[str, Any]:
    return {
        "start": statement.start,
        "line": statement.line,
        "last": statement.last,
        # Most extensions can be made by a superuser only.
        "admin": statement.parts[0].kind == "CreateExtensionStmt",
    }


def _renames(part: Part) -> bool:
    return any(kind in {"RenameStmt", "AlterObjectSchemaStmt"} for kind, _ in grammar.nodes(part))


def _makes(part: Part) -> Iterator[list[str]]:
    """Yield kind and names of what a statement makes."""
    node = part.node
    if part.kind == "CreateStmt":
        yield ["table", node.relation.schemaname, node.relation.relname]
    elif part.kind == "IndexStmt" and node.idxname:
        yield ["index", node.relation.schemaname, node.idxname]
    elif part.kind == "CreateExtensionStmt":
        yield ["extension", "", node.extname]
    elif part.kind == "AlterTableStmt":
        for command in node.cmds:
            column = getattr(command.alter_table_cmd, "def").column_def.colname
            if column:
                yield ["column", node.relation.schemaname, node.relation.relname, column]


def _takes(part: Part) -> Iterator[list[str]]:
    """Yield kind and names of what a statement removes, also by another name for it."""
    node = part.node
    if part.kind == "DropStmt":
        for name in node.objects:
            names = [item.string.sval for item in name.list.items] or [name.string.sval]
            yield ["any", names[-2] if len(names) > 1 else "", names[-1]]
    elif part.kind == "RenameStmt":
        yield ["any", node.relation.schemaname, node.relation.relname, *([node.subname] if node.subname else [])]
    elif part.kind == "AlterTableStmt":
        for action in node.cmds:
            command = action.alter_table_cmd
            if command.name and not getattr(command, "def").column_def.colname:
                yield ["any", node.relation.schemaname, node.relation.relname, command.name]


def lasting(files: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the facts of files that run after one another, each with what it makes and no later one removes.

    Args:
        files: facts by name, in the order in which they run.
    """
    removed: list[list[str]] = []
    lasting = {}
    for name, facts in reversed(files.items()):
        removed += facts["takes"]
        remaining = [
            made for made in facts["makes"] if not any(made[2:][: len(taken) - 2] == taken[2:] for taken in removed)
        ]
        lasting[name] = {key: value for key, value in facts.items() if key != "takes"} | {"makes": remaining}
    return dict(reversed(lasting.items()))
