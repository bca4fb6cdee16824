"""Errors of the operator's side: the agent's, with the exit codes of `inv`. Never a traceback."""

from __future__ import annotations

from collections.abc import Collection

from aipbx_agent.contract import FAILED, REFUSED
from aipbx_agent.core.errors import Problem


class OperatorError(Problem, Exception):
    """A mistake or a circumstance that the operator can fix; nothing was touched."""

    code = REFUSED


class FailedError(OperatorError):
    """Something was begun and did not succeed; `what` and `do` say how things are now."""

    code = FAILED


def worst(codes: Collection[int]) -> int:
    """Return the exit code of a verb that read several hosts: failed before refused before done."""
    return FAILED if FAILED in codes else max(codes, default=0)
