"""The output of facts: lines, and several things asked in one round trip."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra.api import FactBase


def sections(lines: Iterable[str]) -> dict[str, str]:
    """Split an output at its lines `==title`.

    Returns: each section's text, with a line feed after every line, by title, in order.
    """
    by_name: dict[str, str] = {}
    title: str | None = None
    for line in lines:
        if line.startswith("=="):
            title = line[2:]
            by_name.setdefault(title, "")
        elif title is not None:
            by_name[title] += f"{line}\n"
    return by_name


def of_kind(by_name: dict[str, str], kind: str) -> dict[str, str]:
    """Return the sections whose title is `kind name`: their texts by name."""
    return {title.partition(" ")[2]: text for title, text in by_name.items() if title.partition(" ")[0] == kind}


class Lines(FactBase[list[str]]):
    """A fact that is the lines of its command's output, without the empty ones."""

    @staticmethod
    def default() -> list[str]:
        """Return no line."""
        return []

    def process(self, output: list[str]) -> list[str]:
        """Return the lines."""
        return [line for line in output if line.strip()]
