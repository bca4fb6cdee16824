"""A migration as PostgreSQL's own grammar reads it: its statements, and the ones within the bodies that it brings.

The grammar is PostgreSQL's source (libpg_query), so nothing here guesses where a statement ends or what a word means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import postgast
from postgast.pg_query_pb2 import Token

# Kinds of parts that the grammar cannot inspect.
DYNAMIC, UNREAD, TRANSACTION = "dynamic SQL", "unread body", "transaction control"
_COMMENTS = {Token.Value("SQL_COMMENT"), Token.Value("C_COMMENT")}
_STRING = Token.Value("SCONST")
# PL/pgSQL's own ways to run SQL that is made at run time: the node, and the field that holds it.
_DYNAMIC = {
    "PLpgSQL_stmt_dynexecute": "query",
    "PLpgSQL_stmt_dynfors": "query",
    "PLpgSQL_stmt_return_query": "dynquery",
    "PLpgSQL_stmt_open": "dynquery",
}
_ENDS_TRANSACTION = {"PLpgSQL_stmt_commit": "COMMIT", "PLpgSQL_stmt_rollback": "ROLLBACK"}
# How an expression of PL/pgSQL is written (RawParseMode): a statement, an expression, an assignment.
_STATEMENT, _EXPRESSION = 0, 2


@dataclass(frozen=True)
class Part:
    """A statement, of the file or of a body in it.

    Attributes:
        kind: the grammar's name of it (`DropStmt`), or DYNAMIC, UNREAD, TRANSACTION.
        line: of the file, from 1.
        text: its words in one line, without comments and texts.
        node: its tree; None where there is none.
        inside: whether it stands within a body.
        origin: the line and the bytes that its locations count from.
    """

    kind: str
    line: int
    text: str
    node: Any = None
    inside: bool = False
    origin: tuple[int, bytes] = field(default=(1, b""), repr=False)

    def line_of(self, node: Any) -> int:
        """Return the line of a node within it, its own where the grammar does not say."""
        first, source = self.origin
        location = getattr(node, "location", -1)
        return first + source.count(b"\n", 0, location) if location > 0 else self.line


@dataclass(frozen=True)
class Statement:
    """A statement of the file.

    Attributes:
        start: the character at which it begins.
        line, last: its first and last line, from 1.
        parts: itself, and what its bodies hold.
    """

    start: int
    line: int
    last: int
    parts: tuple[Part, ...]


class UnreadableError(Exception):
    """The file is not SQL.

    Attributes:
        line: where, from 1.
        message: the grammar's own words.
        sign: the character there.
    """

    def __init__(self, line: int, message: str, sign: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.sign = sign


def statements(source: str) -> list[Statement]:
    """Read a file.

    Args:
        source: its content.

    Raises:
        UnreadableError: PostgreSQL would not read it.
    """
    encoded = source.encode()
    try:
        # A null byte would end the text for the grammar, and what follows would go unread.
        parsed = postgast.parse(source) if "\0" not in source else None
    except postgast.PgQueryError as problem:
        raise _problem(encoded, problem.message, problem.cursorpos) from None
    if parsed is None:
        raise _problem(encoded, "the file holds a null byte", encoded.index(b"\0") + 1)
    return [_statement(encoded, statement) for statement in parsed.stmts]


def _problem(encoded: bytes, message: str, cursor: int) -> UnreadableError:
    at = max(cursor - 1, 0)
    return UnreadableError(encoded.count(b"\n", 0, at) + 1, message, chr(encoded[at]) if at < len(encoded) else "")


def _statement(encoded: bytes, raw: Any) -> Statement:
    start = raw.stmt_location
    end = start + raw.stmt_len if raw.stmt_len else len(encoded)
    own = encoded[start:end].rstrip()
    line = encoded.count(b"\n", 0, start) + 1
    node = _inner(raw.stmt)
    part = Part(type(node).__name__, line, words(own.decode()), node, origin=(1, encoded))
    bodies = tuple(_bodies(node, own, line))
    return Statement(len(encoded[:start].decode()), line, line + own.count(b"\n"), (part, *bodies))


def words(text: str) -> str:
    """Return SQL in one line: no comments, every text in it as `''`."""
    encoded, last = text.encode(), 0
    pieces: list[str] = []
    for token in postgast.scan(text).tokens:
        if token.token in _COMMENTS:
            continue
        word = "''" if token.token == _STRING else encoded[token.start : token.end].decode()
        pieces.append(f" {word}" if token.start > last and pieces else word)
        last = token.end
    return "".join(pieces)


def nodes(part: Part) -> Iterator[tuple[str, Any]]:
    """Yield every node of a part with its grammar's name, itself first."""
    if part.node is not None:
        for _, node in postgast.walk(part.node):
            yield type(node).__name__, node


def _inner(wrapped: Any) -> Any:
    return getattr(wrapped, wrapped.WhichOneof("node"))


def _bodies(node: Any, own: bytes, line: int) -> Iterator[Part]:
    """Yield what the body of a DO block, a function or a procedure holds."""
    kind = type(node).__name__
    if kind not in {"DoStmt", "CreateFunctionStmt"} or (kind == "CreateFunctionStmt" and node.HasField("sql_body")):
        return
    options = {option.def_elem.defname: option.def_elem for option in (node.args if kind == "DoStmt" else node.options)}
    language = options["language"].arg.string.sval.lower() if "language" in options else "plpgsql"
    body = _text_of(options["as"]) if "as" in options else ""
    at = own.decode().find(body)
    begins = line + (own.decode().count("\n", 0, at) if at > 0 else 0)
    if language == "sql":
        yield from _of_sql(body, begins)
    elif language == "plpgsql":
        yield from _of_plpgsql(own.decode(), begins)
    else:
        yield Part(UNREAD, line, f"a body in {language}", inside=True)


def _text_of(option: Any) -> str:
    if option.arg.HasField("list"):
        return str(option.arg.list.items[0].string.sval)
    return str(option.arg.string.sval)


def _of_sql(body: str, line: int) -> Iterator[Part]:
    try:
        parsed = postgast.parse(body)
    except postgast.PgQueryError:
        yield Part(UNREAD, line, "a body that the grammar does not read", inside=True)
        return
    encoded = body.encode()
    for raw in parsed.stmts:
        start = raw.stmt_location
        own = encoded[start : start + raw.stmt_len] if raw.stmt_len else encoded[start:]
        node = _inner(raw.stmt)
        where = line + encoded.count(b"\n", 0, start)
        yield Part(type(node).__name__, where, words(own.decode()), node, inside=True, origin=(line, encoded))


def _of_plpgsql(statement: str, line: int) -> Iterator[Part]:
    try:
        functions = postgast.parse_plpgsql(statement)
    # The library writes JSON that is none for a few declarations (a cursor's), and knows no types of the database.
    except (postgast.PgQueryError, json.JSONDecodeError):
        yield Part(UNREAD, line, "a body that the grammar does not read", inside=True)
        return
    for function in functions:
        yield from _within(function, line, line)


def _within(tree: Any, first: int, line: int) -> Iterator[Part]:
    """Yield the SQL of a tree of PL/pgSQL.

    Args:
        tree: as the library gives it.
        first: the body's first line in the file.
        line: of the statement that it belongs to.
    """
    if isinstance(tree, list):
        for child in tree:
            yield from _within(child, first, line)
        return
    if not isinstance(tree, dict):
        return
    for name, value in tree.items():
        if name == "PLpgSQL_expr":
            yield from _expression(value["query"], value.get("parseMode", _STATEMENT), line)
        elif isinstance(value, dict) and (name in _ENDS_TRANSACTION or value.get(_DYNAMIC.get(name, ""))):
            where = first + value.get("lineno", 1) - 1
            ends = name in _ENDS_TRANSACTION
            text = _ENDS_TRANSACTION[name] if ends else "EXECUTE"
            yield Part(TRANSACTION if ends else DYNAMIC, where, text, inside=True)
            yield from _within(value, first, where)
        else:
            where = first + value["lineno"] - 1 if isinstance(value, dict) and "lineno" in value else line
            yield from _within(value, first, where)


def _expression(query: str, mode: int, line: int) -> Iterator[Part]:
    if mode > _EXPRESSION:  # an assignment: what is right of the sign
        query = re.split(r":=|=", query, maxsplit=1)[-1]
    text = query if mode == _STATEMENT else f"SELECT {query}"
    try:
        parsed = postgast.parse(text)
    except postgast.PgQueryError:
        yield Part(UNREAD, line, words(query) if mode == _STATEMENT else "an expression", inside=True)
        return
    for raw in parsed.stmts:
        node = _inner(raw.stmt)
        yield Part(type(node).__name__, line, words(text), node, inside=True, origin=(line, text.encode()))
