"""Whether this run only shows what it would do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from invoke.exceptions import Exit

_only_shown = False  # one process, one verb


@contextmanager
def only_shown(dry: bool) -> Iterator[None]:
    """Run a verb whose question, when it comes, ends it if `dry`."""
    global _only_shown  # noqa: PLW0603
    before, _only_shown = _only_shown, dry
    try:
        yield
    finally:
        _only_shown = before


def active() -> bool:
    """Return whether nothing may be changed."""
    return _only_shown


class AtQuestionError(Exit):
    """A dry run has come to the question; nothing was changed."""


def end(question: str) -> NoReturn:
    """End a dry run at the question that would come now."""
    raise AtQuestionError(f"Dry run: it would ask now: {question}? Nothing was changed.", code=0)
