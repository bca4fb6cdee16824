"""Asks several at once, of which some may never answer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import TypeVar

# Asked at a time, and how long that many may take: names may resolve for ever, to any number of addresses.
AT_ONCE = 16
STUCK_SECONDS = 60
One = TypeVar("One")
Answer = TypeVar("Answer")


def in_parallel(
    some: Sequence[One], how: Callable[[One], Answer], stuck: Answer, *, seconds: float | None = None
) -> list[Answer]:
    """Ask several at once.

    Args:
        some: they.
        how: asks one.
        stuck: the answer of one that is not waited for any longer, or fails; its thread keeps no one from ending.
        seconds: how long all of them may take; None: STUCK_SECONDS for each AT_ONCE.
    """
    answers = [stuck] * len(some)
    remaining = deque(enumerate(some))

    def work() -> None:
        while remaining:
            try:
                number, item = remaining.popleft()
            except IndexError:
                return
            with suppress(Exception):  # whatever one of them answers, the others are asked
                answers[number] = how(item)

    workers = [Thread(target=work, daemon=True) for _ in some[:AT_ONCE]]
    end = time.monotonic() + (seconds or STUCK_SECONDS * (1 + len(some) // AT_ONCE))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
    return list(answers)
