"""What may not work yet, or not at this moment, is tried again until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from aipbx_agent.core.errors import AgentError

PAUSE = 0.3
_Result = TypeVar("_Result")


def until(
    seconds: float,
    action: Callable[[], _Result],
    *,
    pause: float = PAUSE,
    again: Callable[[AgentError], bool] = lambda _: True,
) -> _Result:
    """Return what an action returns once it succeeds; its own error at the deadline, or when that may not go away.

    Args:
        seconds: the deadline.
        action: what is tried.
        pause: seconds between two attempts.
        again: whether an error may go away.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return action()
        except AgentError as problem:
            if time.monotonic() > end or not again(problem):
                raise
        time.sleep(pause)
