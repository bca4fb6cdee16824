"""A file of SQL taken apart as PostgreSQL and psql do: statements, their lines, and their words without comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aipbx_data.errors import Refused

_WORD = re.compile(
    r"""
    (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<text>[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*' | '[^']*(?:''[^']*)*')
    | (?P<name>"[^"]*(?:""[^"]*)*")
    | (?P<open>['"])
    | (?P<psql>\\\S*)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<space>[\s\ufeff]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")
_NOTHING = {"comment", "block", "space"}
# A function whose body is SQL itself: its semicolons end nothing.
_ATOMIC = re.compile(r"CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)\b.*\bBEGIN ATOMIC\b(?!.*\bEND$)", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """A statement.

    Args:
        line: where it begins in its file, from 1.
        last: where it ends.
        text: its words: no comments, one space where there was any, and every text in it as `''`.
        bodies: those texts, as they stand.
    """

    line: int
    last: int
    text: str
    bodies: tuple[str, ...] = ()


def statements(source: str, name: str) -> list[Statement]:
    """The statements of a file.

    Args:
        source: its content.
        name: the file's, for the message.

    Raises:
        Refused: it ends within a text or a comment, or speaks to psql instead of the server.
    """
    found: list[Statement] = []
    words: list[str] = []
    bodies: list[str] = []
    begin, depth = 0, 0
    for kind, word, at in [*_words(source, name), ("other", ";", len(source))]:
        if kind in _NOTHING:
            words += [" "] if words and words[-1] != " " else []
            continue
        if word == ";" and depth <= 0 and not _ATOMIC.match("".join(words).strip()):
            if text := "".join(words).strip():
                found.append(Statement(_line(source, begin), _line(source, at), text, tuple(bodies)))
            words, bodies, depth = [], [], 0
            continue
        begin = begin if words else at
        depth += {"(": 1, ")": -1}.get(word, 0)
        bodies += [_inside(word)] if kind in {"text", "dollar"} else []
        words.append("''" if kind in {"text", "dollar"} else word)
    if words:
        raise _open(source, begin, name, "".join(words)[:40])
    return found


def without_comments(body: str) -> str:
    """A function's body as one line without comments; texts in it stay, since it may execute them.

    Raises:
        Refused: it ends within a text or a comment.
    """
    words = (" " if kind in _NOTHING else word for kind, word, _ in _words(body, "A function's body"))
    return " ".join("".join(words).split())


def _words(source: str, name: str) -> Iterator[tuple[str, str, int]]:
    """Each word: its kind, itself, and where it stands."""
    at = 0
    while match := _WORD.match(source, at):
        kind, word, start, at = str(match.lastgroup), match.group(), at, match.end()
        if kind == "block":
            at = _after_block(source, start, name)
        elif kind == "dollar":
            close = source.find(word, at)
            if close < 0:
                raise _open(source, start, name, word)
            at = close + len(word)
        elif kind == "open":
            raise _open(source, start, name, word)
        elif kind == "psql":
            raise Refused(
                f"{name}, line {_line(source, start)}: {word} is a command of psql's, not SQL.",
                "A migration is what the server runs, in one transaction.",
                "Take it out of the file.",
            )
        yield kind, source[start:at], start


def _inside(text: str) -> str:
    """What stands between the quotes."""
    if text.startswith("$"):
        mark = text[: text.index("$", 1) + 1]
        return text[len(mark) : -len(mark)]
    return text[text.index("'") + 1 : -1]


def _after_block(source: str, start: int, name: str) -> int:
    """Where a comment ends; they nest."""
    depth = 0
    for mark in _BLOCK.finditer(source, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    raise _open(source, start, name, "/*")


def _line(source: str, position: int) -> int:
    return source.count("\n", 0, position) + 1


def _open(source: str, position: int, name: str, word: str) -> Refused:
    return Refused(
        f"{name}, line {_line(source, position)}: what begins there with {word} does not end.",
        "The rest of the file would be part of it.",
        "Mend the file.",
    )
