"""Ctrl-C while a host carries something out: it continues there, unless the operator says otherwise."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fleet.output import console, say, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.output import Steps

QUESTION = "[s] stop it there, [w] watch it again, [Enter] leave, and let it continue: "


def hint(host: str) -> str:
    """Return how a run that continues without us is shown and stopped."""
    return f"inv attach --host={host} shows it, inv cancel --host={host} stops it."


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
        wanted = console.input(QUESTION, markup=False).strip().lower()
    except (EOFError, KeyboardInterrupt):
        raise leaving from None
    if wanted == "s":
        with step(f"{verb} stopped; what it has begun is taken back, or completed where there is no way back"):
            cancel()
    elif wanted != "w":
        raise leaving
