"""What of a migration cannot be run, whatever anyone agrees to: each with its reason and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fleet.migrations import grammar
from fleet.migrations.grammar import Part, UnreadableError

IN_ONE = "Each file is one transaction of ours, with its line in the ledger."
TAKE_OUT = "Take it out of the file."
_GUARD = "It would undo what keeps a migration from freezing the site."
_SETTINGS = f"{TAKE_OUT[:-1]}; migration_lock_seconds and migration_statement_seconds in group_data are the place."
_OUTSIDE = f"PostgreSQL runs it outside of transactions only. {IN_ONE}"
_BY_HAND = (
    "Write it without CONCURRENTLY where that will do; else run it by hand (inv db), then mark the file as "
    "applied: inv migrate --baseline={file}"
)
_WHO = "Files run as the application's role, and their line in the ledger is written by ours."
_READING = "The server would read the rest of the file differently from how it was checked."
_NO_ROWS = "Its rows would have to follow outside of SQL."

# Settings that no file may change, and why.
_LOCKS = {"lock_timeout", "statement_timeout", "transaction_timeout"}
_ROLES = {"role", "session_authorization", "is_superuser"}
_LETTERS = {"client_encoding", "standard_conforming_strings", "backslash_quote"}
_SETTING = dict.fromkeys(_LOCKS, _GUARD) | dict.fromkeys(_ROLES, _WHO) | dict.fromkeys(_LETTERS, _READING)
# ALTER ROLE or DATABASE … SET speaks of later sessions, not of this one.
_LATER = {"AlterRoleSetStmt", "AlterDatabaseSetStmt"}
_WITHIN = {"TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO"}
_ALONE = {
    *("CreatedbStmt", "DropdbStmt", "AlterDatabaseStmt", "AlterDatabaseRefreshCollStmt", "AlterSystemStmt"),
    *("CreateTableSpaceStmt", "DropTableSpaceStmt", "AlterTableSpaceOptionsStmt"),
    *("CreateSubscriptionStmt", "AlterSubscriptionStmt", "DropSubscriptionStmt"),
}
_WHOLE = {"REINDEX_OBJECT_SCHEMA", "REINDEX_OBJECT_SYSTEM", "REINDEX_OBJECT_DATABASE"}


class Refusal(NamedTuple):
    """A statement that cannot be run."""

    line: int
    statement: str
    why: str
    todo: str


def of_syntax(problem: UnreadableError) -> Refusal:
    """Return why a file that is not SQL cannot be run."""
    if problem.sign == "\\":
        why = "It is a command for psql, not SQL: a migration is what the server runs, in one transaction."
        return Refusal(problem.line, "a backslash", why, TAKE_OUT)
    return Refusal(
        problem.line, "what is written there", f"PostgreSQL's grammar says: {problem.message}.", "Correct it."
    )


def of(part: Part) -> Iterator[Refusal]:
    """Yield why a part cannot be run."""
    if part.kind == grammar.TRANSACTION:
        yield _refusal(part, part.text, IN_ONE, TAKE_OUT)
    for kind, node in grammar.nodes(part):
        for why, todo in _reasons(part, kind, node):
            yield _refusal(part, part.text, why, todo, part.line_of(node))


def _refusal(part: Part, text: str, why: str, todo: str, line: int = 0) -> Refusal:
    return Refusal(line or part.line, text if len(text) <= 60 else f"{text[:59]}…", why, todo)


def _reasons(part: Part, kind: str, node: Any) -> Iterator[tuple[str, str]]:
    reader = _READERS.get(kind)
    if reader and part.kind not in _LATER:
        yield from reader(node)
    elif kind in _ALONE or _is_alone(kind, node):
        yield _OUTSIDE, _BY_HAND


def _transaction(node: Any) -> Iterator[tuple[str, str]]:
    if _name(node, "kind") not in _WITHIN:
        yield IN_ONE, TAKE_OUT


def _set(node: Any) -> Iterator[tuple[str, str]]:
    if _name(node, "kind") == "VAR_RESET_ALL":
        yield _GUARD, TAKE_OUT
    else:
        yield from _of_setting(node.name)


def _of_setting(name: str) -> Iterator[tuple[str, str]]:
    why = _SETTING.get(name.lower())
    if why:
        yield f"It changes {name.lower()}. {why}", _SETTINGS if why == _GUARD else TAKE_OUT


def _discard(node: Any) -> Iterator[tuple[str, str]]:
    if _name(node, "target") == "DISCARD_ALL":
        yield _GUARD, TAKE_OUT


def _call(node: Any) -> Iterator[tuple[str, str]]:
    """`set_config`, whose first argument is the setting's name."""
    if node.funcname[-1].string.sval != "set_config":
        return
    name = node.args[0].a_const.sval.sval if node.args else ""
    if name:
        yield from _of_setting(name)
    else:
        yield "Which setting it changes is not written there.", "Write the setting's name as a text."


def _update(node: Any) -> Iterator[tuple[str, str]]:
    if node.relation.relname == "pg_settings":  # the server's own rule makes set_config of it
        yield _GUARD, TAKE_OUT


def _copy(node: Any) -> Iterator[tuple[str, str]]:
    if node.is_program:
        yield "It starts a program on the database's server.", TAKE_OUT
    elif node.is_from and not node.filename:
        yield _NO_ROWS, "Write INSERT."


_READERS = {
    "TransactionStmt": _transaction,
    "VariableSetStmt": _set,
    "DiscardStmt": _discard,
    "FuncCall": _call,
    "UpdateStmt": _update,
    "CopyStmt": _copy,
}


def _is_alone(kind: str, node: Any) -> bool:
    if kind in {"IndexStmt", "DropStmt", "PartitionCmd"}:
        return bool(node.concurrent)
    if kind == "ReindexStmt":
        options = {parameter.def_elem.defname for parameter in node.params}
        return "concurrently" in options or _name(node, "kind") in _WHOLE
    if kind in {"VacuumStmt", "ClusterStmt"}:
        return bool(node.is_vacuumcmd) if kind == "VacuumStmt" else not node.HasField("relation")
    return False


def _name(node: Any, field: str) -> str:
    """Return the name of an enumeration's value."""
    value = node.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(node, field)]
    return str(value.name)
