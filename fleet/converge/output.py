"""The output of facts that ask several things in one round trip."""

from __future__ import annotations

from collections.abc import Iterable


def sections(lines: Iterable[str]) -> dict[str, str]:
    """Split an output at its lines `==title`.

    Returns: each section's text, with a line feed after every line, by title, in order.
    """
    found: dict[str, str] = {}
    title: str | None = None
    for line in lines:
        if line.startswith("=="):
            title = line[2:]
            found.setdefault(title, "")
        elif title is not None:
            found[title] += f"{line}\n"
    return found


def of_kind(found: dict[str, str], kind: str) -> dict[str, str]:
    """The sections whose title is `kind name`: their texts by name."""
    return {title.partition(" ")[2]: text for title, text in found.items() if title.partition(" ")[0] == kind}
