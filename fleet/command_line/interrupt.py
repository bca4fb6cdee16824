"""Ctrl-C while a host carries something out: it continues there, unless the operator says otherwise."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fleet.output import console, say, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fleet.output import Steps

QUESTION = "[s] stop it there, [w] watch it again, [Enter] leave, and let it continue: "


def hint(host: str) -> str:
    """Return how a run that continues without us is shown and stopped."""
    return f"inv attach --host={host} shows it, inv cancel --host={host} stops it."


@contextmanager
def caught(take: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C call `take` within this block, whatever line is at work, instead of breaking off there.

    Where Ctrl-C means something else (ignored, another thread), it stays so.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: take())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _breaks_off() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt within this block, also within one that catches it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def answer(host: str, verb: str, steps: Steps, cancel: Callable[[], object]) -> None:
    """Ask what is to become of a run, and return where its end is waited for.

    Args:
        host: where it runs.
        verb: what it does.
        steps: its lines on the screen.
        cancel: stops it there, and waits until what it had begun is taken back.

    Raises:
        KeyboardInterrupt: the operator leaves; its words say what is in progress.
    """
    steps.pause()
    leaving = KeyboardInterrupt(f"{host}: {verb} continues on the host. {hint(host)}")
    if not sys.stdin.isatty():
        raise leaving
    say(f"\n{host}: the host itself carries out this {verb}; nothing has been stopped.", "yellow")
    try:
        with _breaks_off():
            wanted = console.input(QUESTION, markup=False).strip().lower()
            if wanted == "s":
                with step(f"{verb} stopped; what it has begun is taken back, or completed where there is no way back"):
                    cancel()
    except (EOFError, KeyboardInterrupt):
        raise leaving from None
    if wanted not in {"s", "w"}:
        raise leaving
