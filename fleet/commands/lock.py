"""The deploy lock: a folder on the host, because making one is atomic and every operator sees it."""

from __future__ import annotations

import shlex

HELD = 75  # EX_TEMPFAIL: somebody else has it


def acquire(app_dir: str) -> str:
    """The command that takes the lock, with who and why from standard input.

    It exits with HELD, and prints who has it, when somebody has.
    """
    lock = shlex.quote(f"{app_dir}/lock")
    return f"mkdir {lock} 2>/dev/null || {{ cat {lock}/owner 2>/dev/null; exit {HELD}; }}; cat >{lock}/owner"


def release(app_dir: str) -> str:
    """The command that breaks the lock."""
    return f"rm -rf {shlex.quote(f'{app_dir}/lock')}"


def give_back(app_dir: str) -> str:
    """The command that gives the lock back if its owner still is who standard input names: the host may hold it on."""
    lock = shlex.quote(f"{app_dir}/lock")
    return f'[ "$(cat {lock}/owner 2>/dev/null)" != "$(cat)" ] || rm -rf {lock}'


def owner(app_dir: str) -> str:
    """The command that prints who has the lock; it fails when nobody has."""
    lock = shlex.quote(f"{app_dir}/lock")
    return f"[ -d {lock} ] && {{ grep . {lock}/owner 2>/dev/null || echo unknown; }}"
