"""How this program tells that something is wrong: what, why, what to do, and an exit code."""

from __future__ import annotations


class Told(BaseException):
    """Why a run ended, in an operator's words.

    Args:
        what: one line: what is wrong, with its object.
        why: one line: how we know.
        do: one line: what to do next.

    Attributes:
        about: what it was all about, for a team that sees no more than the notice; in lines.
    """

    code = 1
    about = ""

    def __init__(self, what: str, why: str, do: str) -> None:
        super().__init__(what)
        self.what, self.why, self.do = what, why, do

    def __str__(self) -> str:
        return f"{self.what}\n    why: {self.why}\n    do:  {self.do}"


class DataError(Told, Exception):
    """Something that an operator can mend."""


class Failed(DataError):  # noqa: N818 - "failed" and "refused" are what an operator calls them
    """Something was begun and did not succeed; `what` says how things stand now."""

    code = 1


class Refused(DataError):  # noqa: N818
    """Nothing was touched."""

    code = 2


class Interrupted(Told):
    """Something from outside ends it, which says nothing about what it was at: so no `except` of that swallows it."""
