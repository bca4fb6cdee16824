"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERVAL = 0.1


def until(condition: Callable[[], bool], deadline: float, what: str, todo: str) -> None:
    """Wait until a condition holds.

    Args:
        condition: Asked ten times a second.
        deadline: Seconds after which waiting ends.
        what: The condition in words, for the message.
        todo: What the operator can do when it never holds.

    Raises:
        LabError: The condition did not hold in time.
    """
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {deadline:g} s", "the condition never held", todo)
        time.sleep(_INTERVAL)
