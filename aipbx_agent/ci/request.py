"""What a caller with CI's key may ask, word for word: a command that is not listed here is refused.

No part of it reaches a shell. Its input is checked in values.py, and rebuilt in rebuild.py.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from aipbx_agent.contract import COMMAND
from aipbx_agent.core.errors import Refused

# The only verbs, with their arguments. These run on when the caller is gone:
DETACHED = ("prepare", "migrate", "switch")
VERBS = (
    *DETACHED,
    "state", "state --release", "overlap", "lock --tied", "unlock", "pull", "migrations", "migrations --record", "fill",
    "record", "prune", "notify",
)  # fmt: skip
# As `fleet/agent.py` writes a call. \Z, not $: that would allow a line break at the end.
_CALL = re.compile(
    re.escape(COMMAND)
    + r" --contract=(?P<contract>[0-9]{1,4})(?P<detached> --detached --stdin)? --json (?P<verb>.+)\Z",
    re.ASCII,
)
_LONGEST_CALL = 200
# The migrations of a release come as text; nothing else is longer than a notice.
LONGEST = {"migrate": 16 << 20, "migrations": 16 << 20, "migrations --record": 16 << 20}
LONGEST_OTHER = 64 << 10


@dataclass(frozen=True)
class Call:
    """What is asked for.

    Args:
        verb: one of VERBS.
        contract: the version that the caller speaks.
    """

    verb: str
    contract: int

    @property
    def argv(self) -> list[str]:
        """The agent's own words for it, after the program's name and the contract."""
        return [*(["--detached", "--stdin"] if self.verb in DETACHED else []), "--json", *self.verb.split(" ")]

    @property
    def longest(self) -> int:
        """How many bytes its input may have."""
        return LONGEST.get(self.verb, LONGEST_OTHER)


def parse(call: str) -> Call:
    """Read a command line that a caller gave to SSH.

    Raises:
        Refused: it is not one that CI may give.
    """
    match = _CALL.match(call) if len(call) <= _LONGEST_CALL else None
    if match is None or match["verb"] not in VERBS or bool(match["detached"]) != (match["verb"] in DETACHED):
        raise refused("This command is not one that CI may give.")
    return Call(match["verb"], int(match["contract"]))


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an input.

    Raises:
        Refused: it is none, or one whose keys come twice, which others would read differently.
    """
    try:
        parsed = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise refused("Its input is not a JSON object with each key once.")
    return parsed


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _no_number(_: str) -> float:
    raise ValueError  # NaN, Infinity


def refused(why: str) -> Refused:
    """Return the refusal of what CI may not ask."""
    return Refused(
        "CI may not ask this of the host.", why, "An operator can do it with a key of their own; docs/ci.md says more."
    )
