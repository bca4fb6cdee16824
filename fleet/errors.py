"""How this project tells an operator that something is wrong: what, why, what to do. Never a traceback."""

from __future__ import annotations


class OperatorError(Exception):
    """A mistake or a circumstance that the operator can mend.

    Args:
        what: one line: what is wrong, with host and object.
        why: one line: how we know, or what would happen.
        do: one line: what to type or change next.
    """

    # The process's exit code: refused, and nothing was touched.
    code = 2

    def __init__(self, what: str, why: str, do: str) -> None:
        super().__init__(what)
        self.what, self.why, self.do = what, why, do

    def __str__(self) -> str:
        return f"{self.what}\n    why: {self.why}\n    do:  {self.do}"


class FailedError(OperatorError):
    """Something was begun and did not succeed; `what` and `do` say how things stand now."""

    code = 1
