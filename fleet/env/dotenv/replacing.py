"""Some values in an env file are others, or none; every other byte stays."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from fleet.env.dotenv import dotenv_file

# As python-dotenv counts them: str.splitlines knows more ends of a line.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


def with_value(content: bytes, name: str, value: str) -> bytes:
    """Return the text of an env file in which `name` is `value`.

    Args:
        content: a text without faults, in which it is set.
        name: the variable.
        value: its new value.

    Raises:
        KeyError: it is not set there.
        OperatorError: the value cannot be written.
    """
    number = dotenv_file.read(content).lines[name] - 1
    return _rewritten(content, {number: dotenv_file.assignment(name, value)})


def without(content: bytes, names: Collection[str]) -> bytes:
    """The text of an env file in which the lines of these variables are comments without values, as in a new file.

    Args:
        content: a text without faults.
    """
    name_by_line = {line: name for name, line in dotenv_file.read(content).lines.items() if name in names}
    return _rewritten(content, {number - 1: _unset(name) for number, name in name_by_line.items()})


def with_values(content: bytes, values: Mapping[str, str]) -> bytes:
    """Return the text of an env file that sets these, too: where a comment waits for one, otherwise at its end.

    Args:
        content: a text without faults.
        values: those that it sets already are left out.

    Raises:
        OperatorError: a value cannot be written.
    """
    present = dotenv_file.read(content).values
    new = {name: dotenv_file.assignment(name, value) for name, value in values.items() if name not in present}
    lines = [line.rstrip("\r\n") for line in _LINE.findall(content.decode())]
    name_by_index = {lines.index(_unset(name)): name for name in new if _unset(name) in lines}
    text = _rewritten(content, {number: new[name] for number, name in name_by_index.items()}).decode()
    missing = "".join(f"{line}\n" for name, line in new.items() if name not in name_by_index.values())
    return (text + "\n" * bool(missing and text and not text.endswith(("\n", "\r"))) + missing).encode()


def _unset(name: str) -> str:
    return f"# {name}="


def _rewritten(content: bytes, new: Mapping[int, str]) -> bytes:
    """Return the text with other lines, by their numbers; their ends stay."""
    lines = _LINE.findall(content.decode())
    for number, line in new.items():
        lines[number] = line + lines[number][len(lines[number].rstrip("\r\n")) :]
    return "".join(lines).encode()
