"""The password of the application's registry: an operator's, or a run of CI's own. No file keeps it, here or there."""

from __future__ import annotations

import os
import re
import sys
from getpass import getpass

from aipbx_agent.release.registry import TOKEN
from fleet.errors import OperatorError

_SHAPE = re.compile(r"[A-Za-z0-9_.~+/=-]{1,4096}", re.ASCII)
# What was answered to the question, as long as this process lives.
_answered: list[str] = []


def known() -> str:
    """Return it as far as it is known by now; empty: images are asked for without one.

    Raises:
        OperatorError: it cannot be a token.
    """
    token = _answered[-1] if _answered else os.environ.get(TOKEN, "")
    return _checked(token.strip())


def ask(registry: str) -> str:
    """Ask the operator, once; nothing that they type is shown. Empty: no one is there, or has one.

    Raises:
        OperatorError: what was typed cannot be a token.
    """
    if _answered or not sys.stdin.isatty():
        return ""
    try:
        _answered.append(getpass(f"A token that may read {registry} (it is not shown, and kept nowhere): ").strip())
    except EOFError:  # Ctrl-D: they have none
        return ""
    return known()


def _checked(token: str) -> str:
    if token and not _SHAPE.fullmatch(token):
        raise OperatorError(
            "The registry's token cannot be one.",
            "There is a blank, a line break or a sign in its middle that no token has; it was not sent anywhere.",
            f"Copy it again, alone and whole ({TOKEN}).",
        )
    return token
