"""The deploy lock: no release comes to a host that has it, and no two at once.

An operator's is a folder, because making one is atomic. This host's own, while data change places, is a link to one
that is ready, with who and why in it: made in one step, so that it is known whose it is whenever this is killed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from aipbx_agent.contract import CARRIED_OUT, STAGED, UNIT
from aipbx_agent.core import files
from aipbx_agent.core.config import Config
from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.errors import AgentError, Refused
from aipbx_agent.core.process import run


@dataclass(frozen=True)
class CurrentLock:
    """The lock as it is found.

    Args:
        owner: who has it, and why.
        seconds: for how long.
        standing: what is known of the run that it was taken for: `open` or `ended`: the connection that it came over;
            `runs` or `stopped`: the host's unit that carries it out; `by hand`: it is tied to no run (`inv lock`);
            empty: nothing.
    """

    owner: str
    seconds: int
    standing: str


def current(config: Config) -> CurrentLock | None:
    """Return the lock; None: no one has it."""
    lock = config.app / "lock"
    try:
        seconds = int(time.time() - lock.stat().st_mtime)
    except OSError:
        return None
    owner = _owner(lock)
    standing = "" if not owner else _unit() if owner.endswith(CARRIED_OUT) else _connection(lock / "connection")
    return CurrentLock(owner or "unknown", seconds, standing)


def _unit() -> str:
    argv = ["systemctl", "show", "--property=ActiveState", "--value", f"{UNIT}switch"]
    try:
        state = run(argv, seconds=SECONDS).decode().strip()
    except AgentError:
        return ""
    return "" if not state else "stopped" if state in {"inactive", "failed"} else "runs"


def _connection(file: Path) -> str:
    """Whether the process whose number and beginning a lock notes still runs: a number comes again; or: none does."""
    try:
        process, began = file.read_text("utf-8").split()
    except FileNotFoundError:
        return "by hand"
    except (OSError, ValueError):
        return ""
    return "open" if _began(process) == began else "ended"


def _began(process: str) -> str:
    """Return the moment at which a process began, in ticks of the kernel's; empty: there is none."""
    try:
        return Path("/proc", process, "stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _connection_above() -> str:
    """Return sshd's process for the connection that this program was called over, and when it began; empty: none.

    Both, because a number comes again.
    """
    process = "self"
    while process not in {"0", "1"}:
        stat = Path("/proc", process, "stat").read_text("utf-8", errors="replace")
        number, _, rest = stat.partition(" (")
        name, _, fields = rest.rpartition(") ")
        if name.startswith("sshd"):
            return f"{number} {fields.split()[19]}\n"
        process = fields.split()[1]
    return ""


def of_this_connection(config: Config) -> bool:
    """Return whether the lock was taken over the connection that this program was called over."""
    above = _connection_above()
    try:
        return bool(above) and (config.app / "lock" / "connection").read_text("utf-8") == above
    except OSError:
        return False


def take(config: Config, owner: str, *, tied: bool) -> None:
    """Take the lock for an operator.

    Args:
        owner: who, and why.
        tied: whether the connection of this call is noted: with that connection the owner's run is over.

    Raises:
        Refused: someone has it, or it cannot be written.
    """
    lock = config.app / "lock"
    try:
        lock.mkdir()
    except FileExistsError:
        raise Refused(
            f"This host is locked: {_owner(lock) or 'by whom is not written down'}.",
            "No two releases may change a host at once.",
            f"Wait for the other, then run this again; inv status --host={config.host} shows it.",
        ) from None
    except OSError as problem:
        raise _cannot_lock(config, problem) from None
    try:
        if tied:
            (lock / "connection").write_text(_connection_above(), "utf-8")
        (lock / "owner").write_text(f"{owner}\n", "utf-8")
    except OSError as problem:
        shutil.rmtree(lock)
        raise _cannot_lock(config, problem) from None


def _cannot_lock(config: Config, problem: OSError) -> Refused:
    return Refused("This host could not be locked.", str(problem), f"Check its disk: inv status --host={config.host}")


def broken(config: Config, owner: str = "") -> None:
    """Break the lock, and delete what its run had written down for a switch that never came.

    Args:
        owner: only a lock that still is theirs; empty: anyone who has it.
    """
    lock = config.app / "lock"
    if owner and _owner(lock) != owner:
        return
    # In this order: once the lock is gone, the next run may write down its own.
    (config.app / STAGED).unlink(missing_ok=True)
    if lock.is_symlink():
        lock.unlink()
    elif lock.exists():
        shutil.rmtree(lock)


def _owner(lock: Path) -> str:
    """Return who has it, as they wrote; empty: no one, or it is not written down."""
    try:
        return (lock / "owner").read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _ours(config: Config) -> Path:
    return config.backups / "deploy-lock"


@contextmanager
def held(config: Config, what: str) -> Iterator[None]:
    """Hold the lock.

    Args:
        what: what is in progress, for anyone who comes second.

    Raises:
        Refused: someone has it.
    """
    ours = _ours(config)
    ours.mkdir(mode=0o700, exist_ok=True)
    now = datetime.now(timezone.utc)
    (ours / "owner").write_text(f"{config.host} itself, {what}, since {now:%Y-%m-%d %H:%M:%S} UTC\n", "utf-8")
    # As `take` notes a connection: by this it is known whether the run still exists.
    (ours / "connection").write_text(f"{os.getpid()} {_began('self')}\n", "utf-8")
    lock = config.app / "lock"
    try:
        lock.symlink_to(ours)
    except FileExistsError:
        raise Refused(
            f"A deploy is running on {config.host}: the lock is held.",
            f"By {_owner(lock) or 'whom is not written down'}.",
            f"Wait for it; if its owner is certainly gone: inv unlock --host={config.host}",
        ) from None
    try:
        yield
    finally:
        release(config)


def release(config: Config) -> None:
    """Give the lock back if it is ours."""
    lock = config.app / "lock"
    if lock.is_symlink() and lock.readlink() == _ours(config):
        lock.unlink()


@contextmanager
def taken_over(config: Config, owner: str) -> Iterator[None]:
    """Hold, and at the end give back, the lock that an operator took, whose connection may break meanwhile.

    Args:
        owner: what they wrote into it.

    Raises:
        Refused: it is no longer theirs.
    """
    file = config.app / "lock" / "owner"
    written = _owner(file.parent)
    if written != owner:
        raise Refused(
            f"The lock of {config.host} is no longer yours.",
            f"It is {written or 'no one'}'s now: someone broke it.",
            "Find out who; then run this again.",
        )
    files.write(file, f"{owner}{CARRIED_OUT}\n", mode=0o644)
    try:
        yield
    finally:
        give_back(config)


def booted() -> float:
    """Return when this host's first process started, seconds since 1970."""
    uptime = float(Path("/proc/uptime").read_text("utf-8").split()[0])
    ticks = int(Path("/proc/1/stat").read_text("utf-8").rpartition(")")[2].split()[19])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def give_back(config: Config, *, before: float = 0) -> None:
    """Give back a lock that this host holds for an operator.

    Args:
        before: also that of a run which began before this moment, seconds since 1970: when the host started, say. A
            lock that is tied to no run (`inv lock`) outlives it.
    """
    lock = config.app / "lock"
    try:
        ours = (lock / "owner").read_text("utf-8").strip().endswith(CARRIED_OUT)
        old = lock.lstat().st_mtime < before and (lock / "connection").exists()
    except OSError:
        return
    if (ours or old) and not lock.is_symlink():
        shutil.rmtree(lock, ignore_errors=True)
