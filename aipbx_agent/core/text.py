"""Words of strangers, and sizes, as they may stand on an operator's screen."""

from __future__ import annotations


def one_line(text: str, most: int) -> str:
    """Return a text on one line, without what moves a cursor or recolours a terminal, cut to a width.

    Args:
        text: anyone's.
        most: characters.
    """
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def printable(text: str) -> str:
    """Return a text with its lines, but without what does something else to a terminal than show it."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def size(count: float) -> str:
    """Return bytes for eyes: `1.4 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
