"""What an operator sees of a lock: whose, for how long, and whether its run is still there."""

from __future__ import annotations

from aipbx_agent.contract import UNIT
from fleet.errors import OperatorError

# By what the host knows of that run (aipbx_agent/release/lock); a word that is not here: it knows nothing.
KNOWN = {
    "open": "Its run is at it: the SSH connection that took the lock is open, or the host's own process runs.",
    "ended": "Its run is over: the SSH connection that took the lock, or the host's own process, has ended.",
    "runs": f"The host carries it out ({UNIT}switch), whatever became of that operator's machine.",
    "stopped": f"The host carried it out, and {UNIT}switch has ended without giving the lock back.",
    "by hand": "It was taken by hand (inv lock), so that no release comes; it is tied to no run.",
}
GONE = {"ended", "stopped"}
ALIVE = {"open", "runs"}


def age(seconds: int) -> str:
    """For how long, in one unit."""
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def refusal(host: str, owner: str, seconds: int, standing: str) -> OperatorError:
    """Return why nothing comes to a host now.

    Args:
        owner: who has the lock, and why, as they wrote it.
        seconds: for how long it has been there.
        standing: what the host knows of their run.
    """
    is_over = standing in GONE
    if standing == "by hand":
        do = f"Ask its owner. --wait waits until it is given back; inv unlock --host={host} gives it back."
        return OperatorError(f"{host} is locked: {owner} (for {age(seconds)}).", KNOWN[standing], do)
    looks = f"journalctl -u {UNIT}switch there says why; then " if standing == "stopped" else ""
    return OperatorError(
        f"{host} is locked: {owner} (for {age(seconds)}).",
        KNOWN.get(standing, "Two deploys at once would leave a mixture of both."),
        f"{looks}inv unlock --host={host}, then run this again."
        if is_over
        else f"Wait for it (--wait); if that operator's run is certainly over, inv unlock --host={host}",
    )
