"""Errors as operators read them, on both sides: what, why, what to do, and an exit code. Never a traceback."""

from __future__ import annotations

from aipbx_agent.contract import FAILED, REFUSED


class Problem(BaseException):
    """Why a run ended, in an operator's words.

    Args:
        what: one line: what is wrong, with its object.
        why: one line: how we know.
        do: one line: what to do next.

    Attributes:
        about: what it was all about, for a team that sees no more than the notice; in lines.
    """

    code = FAILED
    about = ""

    def __init__(self, what: str, why: str, do: str) -> None:
        super().__init__(what)
        self.what, self.why, self.do = what, why, do

    def as_dict(self) -> dict[str, object]:
        """Return the error as events carry it."""
        return {"what": self.what, "why": self.why, "do": self.do, "code": self.code}

    def __str__(self) -> str:
        return f"{self.what}\n    why: {self.why}\n    do:  {self.do}"


class AgentError(Problem, Exception):
    """Something that an operator can repair."""


class Failed(AgentError):  # noqa: N818 - "failed" and "refused" are what an operator calls them
    """Something was begun and did not succeed; `what` says how things are now."""

    code = FAILED


class Refused(AgentError):  # noqa: N818
    """Nothing was touched."""

    code = REFUSED


class Interrupted(Problem):
    """Something from outside ends it, which says nothing about what it was at: so no `except` of that swallows it."""


def in_words(problem: BaseException) -> str:
    """Return what is wrong, in one line."""
    return problem.what if isinstance(problem, Problem) else str(problem) or type(problem).__name__
