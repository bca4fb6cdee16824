"""The deploy lock: a folder on the host, because making one is atomic and every operator sees it."""

from __future__ import annotations

import shlex

from aipbx_agent.contract import LEDGER, STAGED

HELD = 75  # EX_TEMPFAIL: someone else has it


# The SSH connection that a shell came over: sshd's process for it, and the moment that began, in ticks of the kernel's.
# Both, because a number comes again.
_CONNECTION = (
    'p=$$; while [ "${p:-0}" -gt 1 ]; do case $(cat /proc/$p/comm) in '
    "sshd*) echo $p $(awk '{print $22}' /proc/$p/stat); break;; esac; "
    "p=$(awk '/^PPid/ {print $2}' /proc/$p/status); done"
)


def acquire(app_dir: str, *, tied: bool = False) -> str:
    """The command that takes the lock, with who and why from standard input, and prints the ledger of releases.

    It exits with HELD, and prints who has it, when someone has; with 1 when it cannot be written.

    Args:
        app_dir: where the stack's files are.
        tied: whether the connection that it comes over is noted: with that connection its owner's run is over.
    """
    lock = shlex.quote(f"{app_dir}/lock")
    note = f"{{ {_CONNECTION}; }} >{lock}/connection 2>/dev/null; " if tied else ""
    ledger = f"cat {shlex.quote(f'{app_dir}/{LEDGER}')} 2>/dev/null || true"
    take = f"mkdir {lock} || {{ [ ! -d {lock} ] || {{ cat {lock}/owner 2>/dev/null; exit {HELD}; }}; exit 1; }}"
    return f"{take}; {note}cat >{lock}/owner || {{ rm -rf {lock}; exit 1; }}; {ledger}"


def release(app_dir: str) -> str:
    """The command that breaks the lock, and deletes what its run had written down for a switch that never came."""
    # In this order: once the lock is gone, the next run may write down its own.
    return f"rm -rf {shlex.quote(f'{app_dir}/{STAGED}')} {shlex.quote(f'{app_dir}/lock')}"


def give_back(app_dir: str) -> str:
    """The command that breaks the lock if its owner still is who standard input names: the host may hold it on."""
    lock = shlex.quote(f"{app_dir}/lock")
    return f'[ "$(cat {lock}/owner 2>/dev/null)" != "$(cat)" ] || {release(app_dir)}'
