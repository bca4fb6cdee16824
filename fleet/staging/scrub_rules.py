"""The file that says what becomes of each column before a staging host gets it (docs/staging.md)."""

from __future__ import annotations

import json
import tomllib

from aipbx_agent.staging import rules
from fleet.checkout import ROOT
from fleet.errors import OperatorError


def read(name: str) -> bytes:
    """Return a file's rules as hosts take them.

    Args:
        name: the file's, below this checkout.

    Raises:
        OperatorError: it is not there, or malformed.
    """
    try:
        raw = tomllib.loads((ROOT / name).read_text("utf-8"))
        rules.parse(raw)
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem
        raise OperatorError(
            f"The scrub rules in {name} cannot be read.",
            f"{why}.",
            "Correct that file, or scrub_rules in inventory.py.",
        ) from None
    return json.dumps(raw).encode()
