"""Errors of the operator's side: the agent's, with the exit codes of `inv`. Never a traceback."""

from __future__ import annotations

from aipbx_agent.contract import FAILED, REFUSED
from aipbx_agent.core.errors import Problem


class OperatorError(Problem, Exception):
    """A mistake or a circumstance that the operator can fix; nothing was touched."""

    code = REFUSED


class FailedError(OperatorError):
    """Something was begun and did not succeed; `what` and `do` say how things are now."""

    code = FAILED
