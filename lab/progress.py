"""Shows what the lab is doing: a live view on a terminal, plain lines on a pipe."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator


class Steps:
    """The steps of one task, several of which may run at the same time."""

    def __init__(self) -> None:
        """Find out whether standard output is a terminal."""
        self._console = Console(file=sys.stdout, highlight=False)
        self._live: Progress | None = None

    @contextmanager
    def shown(self) -> Iterator[Steps]:
        """Show the steps that run inside this context."""
        if not self._console.is_terminal:
            yield self
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as self._live:
            yield self
        self._live = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show one step while it runs, and its time in seconds when it is done."""
        began = time.monotonic()
        task = self._live.add_task(name) if self._live else None
        try:
            yield
        finally:
            if self._live and task is not None:
                self._live.remove_task(task)
        self.say(f"{name}: {time.monotonic() - began:.1f} s")

    def say(self, line: str) -> None:
        """Print one line."""
        console = self._live.console if self._live else self._console
        console.print(line, markup=False, soft_wrap=True)
        self._console.file.flush()
