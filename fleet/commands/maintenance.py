"""The maintenance page, which nginx shows while a file is there."""

from __future__ import annotations

import shlex

from aipbx_agent.contract import MAINTENANCE


def turn(app_dir: str, *, on: bool) -> str:
    """Return the command that makes nginx show the maintenance page, or show it no longer."""
    file = shlex.quote(f"{app_dir}/{MAINTENANCE}")
    return f"touch {file}" if on else f"rm -f {file}"
