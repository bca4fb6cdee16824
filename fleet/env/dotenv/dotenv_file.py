"""The text of an env file: one way to write it, one way to read it.

Written: NAME='value', where \\ becomes \\\\ and ' becomes \\'. Read: python-dotenv's parser, nothing expanded, nothing
sourced. A line that Compose, a shell and this reader would not read alike is refused with its number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING

from fleet.errors import OperatorError

if TYPE_CHECKING:
    from dotenv.parser import Binding

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LINE = re.compile(r"\s*(?:export\s+)?(?P<name>'[^']+'|[^=\s#]+)(?P<space>\s*)=(?P<value>.*)", re.DOTALL)
# Linux refuses to start a process with a longer string in its environment (128 KiB with the name).
LONGEST_BYTES = 120_000
QUOTE = "put the value in single quotes, with \\ written as \\\\ and ' as \\'"


@dataclass(frozen=True)
class Fault:
    """Something wrong with a line.

    Args:
        line: counted from 1.
        name: the variable, where one can be made out.
        why: what is wrong, without the value.
        do: how to repair it.
    """

    line: int
    name: str
    why: str
    do: str


@dataclass(frozen=True)
class EnvFile:
    """What a text says: values by name, the line of each, and the faults."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def unprintable(value: str) -> str:
    """Return what in `value` cannot go into an environment unharmed, in words; empty when there is nothing."""
    for character in value:
        number = ord(character)
        if character in "\r\n" or unicodedata.category(character) in ("Zl", "Zp"):
            return "holds a line break"
        if unicodedata.category(character) == "Cc":
            return f"holds the control character U+{number:04X}"
        if unicodedata.category(character) == "Cs" or number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF:
            return f"holds U+{number:04X}, which is not a character"
        if number == 0xFEFF:
            return "holds a byte order mark (U+FEFF)"
    if len(value.encode()) > LONGEST_BYTES:
        return f"is longer than {LONGEST_BYTES} bytes"
    return ""


def assignment(name: str, value: str) -> str:
    """Return the line that says `name` is `value`.

    Raises:
        OperatorError: the name or the value cannot be written.
    """
    if not NAME.fullmatch(name):
        raise OperatorError(
            f"{name!r} is not a name for a variable.",
            "Allowed: letters, digits and _, not a digit first.",
            "Rename it.",
        )
    if wrong := unprintable(value):
        raise OperatorError(f"The value of {name} {wrong}.", "An env file holds one line a value.", "Take it out.")
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'"


def written(values: Mapping[str, str]) -> str:
    """Return the text of an env file that says `values`, in their order."""
    return "".join(assignment(name, value) + "\n" for name, value in values.items())


def read(content: bytes) -> EnvFile:
    """Read the bytes of an env file. Never raises: what is wrong with it is in `faults`, every fault at once."""
    from dotenv.parser import parse_stream

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return EnvFile(faults=(Fault(line, "", "is not UTF-8", "save the file as UTF-8"),))
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    faults: list[Fault] = []
    for binding in parse_stream(StringIO(text)):
        raw = binding.original.string
        line = binding.original.line + _line_breaks(raw[: len(raw) - len(raw.lstrip())])
        name = binding.key or ""
        fault = _fault(binding, line)
        if fault is None and name in lines:
            fault = Fault(line, name, f"is there twice; first in line {lines[name]}", "keep one of the two lines")
        if fault is not None:
            faults.append(fault)
        if NAME.fullmatch(name) and binding.value is not None and name not in lines:
            values[name], lines[name] = binding.value, line
    return EnvFile(values, lines, tuple(faults))


def _line_breaks(text: str) -> int:
    return len(re.findall(r"\r\n|\n|\r", text))


def _fault(binding: Binding, line: int) -> Fault | None:
    raw = binding.original.string.strip()
    if not raw or (raw.startswith("#") and not binding.error):
        return None
    match = LINE.match(raw)
    name = match["name"] if match and NAME.fullmatch(match["name"]) else ""
    if binding.error:
        return Fault(line, name, "has a quote that is not closed, or text after the closing one", QUOTE)
    if binding.value is None or match is None:
        return Fault(line, "", "is neither `NAME='value'` nor a comment", "write NAME='value', or # before a comment")
    if not name:
        return Fault(line, "", "has no name of letters, digits and _ before the =", "correct the name")
    if wrong := unprintable(binding.value):
        return Fault(line, name, wrong, "write the value in one line, as its printable characters")
    if match["space"] or match["value"][:1].isspace():
        return Fault(line, name, "has a space beside the =, which shells refuse", "write NAME='value' without spaces")
    if trap := _trap(match["value"]):
        return Fault(line, name, trap, QUOTE)
    return None


def _trap(text: str) -> str:
    """Return what in a value as it was typed another reader (Compose, a shell) would read otherwise."""
    if text.startswith("'"):
        return ""
    if text.startswith('"'):
        return "is in double quotes and holds \\, $ or `" if re.search(r"[\\$`]", text) else ""
    if re.search(r"(^|\s)#", text):
        return "has a # without quotes: the rest would be a comment"
    odd = re.search(r"[$`\\\"'\s;&|()]", text.strip())
    return f"holds {odd[0]!r} without quotes, which not every reader takes as it is" if odd else ""
