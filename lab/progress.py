"""Shows what the lab is doing and since when: a live view on a terminal, plain lines on a pipe."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds after which someone who sees no new line wonders what is being waited for.
_SILENCE = 10


class Steps:
    """The steps of one task, several of which may run at the same time."""

    def __init__(self) -> None:
        """Find out whether standard output is a terminal, and start the clock."""
        self._console = Console(file=sys.stdout, highlight=False)
        self._live: Progress | None = None
        self._began = time.monotonic()
        self._running: set[str] = set()

    @property
    def elapsed(self) -> str:
        """Minutes and seconds since the first step could begin."""
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes}:{seconds:02}"

    @contextmanager
    def shown(self) -> Iterator[Steps]:
        """Show the steps that run inside this context."""
        if not self._console.is_terminal:
            with self._reminded():
                yield self
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as self._live:
            yield self
        self._live = None

    @contextmanager
    def _reminded(self) -> Iterator[None]:
        """Name what is being waited for from time to time: plain lines have no clock that ticks."""
        over = threading.Event()

        def remind() -> None:
            while not over.wait(_SILENCE):
                if waiting := ", ".join(sorted(self._running)):
                    self.say(f"{self.elapsed}  … {waiting}")

        thread = threading.Thread(target=remind, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show one step while it runs, and its time in seconds when it is done."""
        began = time.monotonic()
        task = self._live.add_task(name) if self._live else None
        self._running.add(name)
        try:
            yield
        finally:
            self._running.discard(name)
            if self._live and task is not None:
                self._live.remove_task(task)
        self.say(f"{self.elapsed}  {name}: {time.monotonic() - began:.1f} s")

    def say(self, line: str) -> None:
        """Print one line."""
        console = self._live.console if self._live else self._console
        console.print(line, markup=False, soft_wrap=True)
        self._console.file.flush()
