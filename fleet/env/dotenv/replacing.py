"""One value in an env file is another one; every other byte stays."""

from __future__ import annotations

import re

from fleet.env.dotenv import dotenv_file

# As python-dotenv counts them: str.splitlines knows more ends of a line.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


def with_value(content: bytes, name: str, value: str) -> bytes:
    """The text of an env file in which `name` is `value`.

    Args:
        content: a text without faults, in which it is set.
        name: the variable.
        value: its new value.

    Raises:
        KeyError: it is not set there.
        OperatorError: the value cannot be written.
    """
    number = dotenv_file.read(content).lines[name] - 1
    lines = _LINE.findall(content.decode())
    old = lines[number]
    lines[number] = dotenv_file.assignment(name, value) + old[len(old.rstrip("\r\n")) :]
    return "".join(lines).encode()
