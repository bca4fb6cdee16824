"""What a run reports meanwhile: plain lines for the journal, JSON lines for `inv`, which makes progress of them.

JSON lines, one object each, distinguished by their key:
    {"step": text}                      a step began
    {"done": text, "seconds": n}        it ended well
    {"undone": text, "seconds": n}      it did not
    {"progress": [done, total]}         bytes of the step in progress
    {"note": text}                      a line for the operator
    {"result": {...}}                   what came of it; the last line of a run that went well
    {"error": {what, why, do, code}}    the last line of one that did not
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aipbx_agent.core.errors import Problem

_as_json = False


def speak_json() -> None:
    """From now on, JSON lines."""
    global _as_json  # noqa: PLW0603 - one process, one reader
    _as_json = True


def _emit(plain: str, **event: Any) -> None:
    line = json.dumps(event, ensure_ascii=False) if _as_json else plain
    if line:
        print(line, flush=True)


def note(text: str) -> None:
    """A line for the operator."""
    _emit(text, note=text)


def progress(done: int, total: int) -> None:
    """How far the present step is, in bytes; call it a few times a second at most."""
    _emit("", progress=[done, total])


def result(**values: Any) -> None:
    """What came of the run."""
    _emit(json.dumps(values, ensure_ascii=False, sort_keys=True), result=values)


def error(problem: Problem) -> None:
    """Why the run ended."""
    if _as_json:
        _emit("", error=problem.as_dict())
    else:
        print(problem, file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Report that something is in progress, and how long it took."""
    begun = time.monotonic()
    _emit("", step=text)
    try:
        yield
    except BaseException:
        _emit(f"failed: {text}", undone=text, seconds=round(time.monotonic() - begun, 1))
        raise
    seconds = round(time.monotonic() - begun, 1)
    _emit(f"{text}: {seconds} s", done=text, seconds=seconds)
