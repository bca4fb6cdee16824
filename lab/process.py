"""Other programs of this machine that must succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aipbx_agent.core import process
from aipbx_agent.core.errors import Failed
from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(
    argv: Sequence[str],
    timeout: float,
    do: str,
    *,
    what: str = "",
    stdin: bytes = b"",
    environment: dict[str, str] | None = None,
) -> bytes:
    """Run a program and return what it printed.

    Args:
        argv: Its words.
        timeout: Seconds.
        do: What the operator can do when it fails.
        what: What failed then; empty: the program.
        stdin: Its standard input.
        environment: All of its environment; None: ours.

    Raises:
        LabError: It failed, or did not end in time; with its last words.
    """
    try:
        return process.run(argv, seconds=timeout, stdin=stdin, env=environment)
    except Failed as problem:
        raise LabError(what or problem.what, problem.why, do) from None
