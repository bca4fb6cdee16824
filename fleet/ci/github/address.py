"""Which repository at GitHub an address of git's leads to."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"github\.com[:/]([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?$")


def repository(address: str) -> str:
    """Return it as owner/name; empty: it is elsewhere."""
    match = _ADDRESS.search(address)
    return match[1] if match else ""
