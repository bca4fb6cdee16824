"""What an operator sees: lines, steps with their seconds, progress on standard error; tables on standard output."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table

from aipbx_agent.core.text import printable, size

if TYPE_CHECKING:
    from rich.status import Status

# Progress is for eyes; what a script reads goes to standard output.
console = Console(stderr=True, highlight=False, soft_wrap=True)
# A pipe has no width of its own; wide enough that nothing is broken in two for anyone who greps.
PIPE_COLUMNS = 250
# Seconds after which someone who sees no new line wonders whether it continues.
REMIND_SECONDS = 10
# Whose lines these are while several hosts are at work at once; empty: there is only one.
_speaker: ContextVar[str] = ContextVar("speaker", default="")


@contextmanager
def speaking_for(host: str) -> Iterator[None]:
    """Every line that this thread shows begins with a host's name, and none of them moves: others write beside it."""
    before = _speaker.set(host)
    try:
        yield
    finally:
        _speaker.reset(before)


def _alive() -> bool:
    """Return whether what is in progress may move on the screen."""
    return console.is_terminal and not _speaker.get()


def _prefix() -> str:
    return f"[cyan]{escape(_speaker.get())}[/cyan] " if _speaker.get() else ""


def say(text: str, style: str = "") -> None:
    """Print text, which may have several lines."""
    for line in text.splitlines() or [""]:
        # It stands in front already.
        shown = printable(line.removeprefix(f"{_speaker.get()}: "))
        console.print(f"{_prefix()}{escape(shown)}", style=style)


@contextmanager
def _waited(text: str) -> Iterator[Status | None]:
    """Show what is in progress: it moves on a terminal; else a line from time to time says that it continues."""
    if _alive():
        with console.status(escape(text)) as status:
            yield status
        return
    over, prefix, begun = threading.Event(), _prefix(), time.monotonic()

    def remind() -> None:
        while not over.wait(REMIND_SECONDS):
            console.print(f"{prefix}  … {escape(text)} [dim]({time.monotonic() - begun:.0f} s)[/dim]")

    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield None
    finally:
        over.set()
        reminder.join()


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show that a step is in progress, and then how long it took; a failure is marked, and raised again."""
    begun = time.monotonic()
    with _waited(text):
        try:
            yield
        except BaseException:
            console.print(f"{_prefix()}  [red]✗[/red] {escape(text)} [dim]({time.monotonic() - begun:.1f} s)[/dim]")
            raise
    console.print(f"{_prefix()}  [green]✓[/green] {escape(text)} [dim]({time.monotonic() - begun:.1f} s)[/dim]")


def how_far(done: int, total: int) -> str:
    """How far something is, in bytes: a percentage only where the whole is known; an estimate may be too small."""
    return f"{100 * done / total:.0f} % of {size(total)}" if 0 <= done <= total != 0 else size(done)


class Steps:
    """Steps that an agent reports: the one in progress is alive on a terminal, each that ended is a line."""

    def __init__(self) -> None:
        self._waiting = ExitStack()
        self._status: Status | None = None
        self._text = ""

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *_: object) -> None:
        self._still()

    def begin(self, text: str) -> None:
        """Show that a step is in progress."""
        self._still()
        self._text = text
        self._status = self._waiting.enter_context(_waited(text))

    def progress(self, done: int, total: int) -> None:
        """How far it is, in bytes."""
        if self._status:
            self._status.update(f"{escape(self._text)} [dim]{how_far(done, total)}[/dim]")

    def end(self, text: str, seconds: float, *, good: bool) -> None:
        """It ended."""
        self._still()
        mark = "[green]✓[/green]" if good else "[red]✗[/red]"
        console.print(f"{_prefix()}  {mark} {escape(text)} [dim]({seconds:.1f} s)[/dim]")

    def note(self, text: str) -> None:
        """A line between."""
        say(f"  {text}")

    def pause(self) -> None:
        """Let nothing move on the screen until the next step begins."""
        self._still()

    def _still(self) -> None:
        self._waiting.close()
        self._status = None


@contextmanager
def bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` bytes have passed; call what this yields with the size of each portion."""
    begun = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True))
    live = Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=console, transient=True)
    passed = 0

    def advance(count: int) -> None:
        nonlocal passed
        passed += count
        live.advance(task, count)

    try:
        with live if _alive() else nullcontext():
            task = live.add_task(escape(text), total=total)
            yield advance
    except BaseException:
        console.print(f"{_prefix()}  [red]✗[/red] {escape(text)} [dim](after {size(passed)})[/dim]")
        raise
    seconds = time.monotonic() - begun
    speed = f"{size(passed)}, {seconds:.1f} s, {size(passed / max(seconds, 0.001))}/s"
    console.print(f"{_prefix()}  [green]✓[/green] {escape(text)} [dim]({speed})[/dim]")


def uncut(*titles: str) -> list[Column]:
    """Columns of what an operator types elsewhere: in a narrow terminal the others give way, these are never cut."""
    return [Column(title, no_wrap=True) for title in titles]


def print_table(table: Table) -> None:
    """Print a table: framed and coloured on a terminal, plain text in a pipe."""
    stdout = Console(highlight=False)
    if not stdout.is_terminal:
        stdout = Console(highlight=False, width=PIPE_COLUMNS)
        table.box = SIMPLE_HEAD
        table.title_justify = "left"
    stdout.print(table)
