"""Tables: framed and coloured on a terminal, plain text in a pipe."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

# A pipe has no width of its own; wide enough that nothing is broken in two for anyone who greps.
PIPE_COLUMNS = 250


def typed(*titles: str) -> list[Column]:
    """Columns of what an operator types elsewhere: in a narrow terminal the others give way, these are never cut."""
    return [Column(title, no_wrap=True) for title in titles]


def show(table: Table) -> None:
    """Print a table."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_COLUMNS)
        table.box = SIMPLE_HEAD
        table.title_justify = "left"
    console.print(table)
