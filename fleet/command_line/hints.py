"""Commands within messages: they can be pasted as they are, so each names its host."""

from __future__ import annotations

import re

# These have no host; after others it may stand anywhere before `--`.
_HINT = re.compile(r"\binv (?!lab\.|github\.workflow\b|offsite\.key\b|runbook\b)([a-z][a-z.-]*[a-z])\b(?=([^;,:`)]*))")


def with_host(text: str, host: str) -> str:
    """Return a message whose commands name their host: without one, some would ask another."""
    return _HINT.sub(lambda hint: hint[0] if "--host" in hint[2] else f"{hint[0]} --host={host}", text)
