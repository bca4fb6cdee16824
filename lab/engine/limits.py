"""What several hosts use up first: memory, and the kernel's inotify instances of one account."""

from __future__ import annotations

import os
from pathlib import Path

from lab.errors import LabRefusedError

MAXIMUM = Path("/proc/sys/fs/inotify/max_user_instances")
# systemd, logind, D-Bus, Docker and fail2ban of one converged host have 11, all of them root's.
PER_HOST = 12
# What three labs need, and the machine itself.
ENOUGH = 1024
MEMORY = Path("/proc/meminfo")
# A host on which aiPBX runs was seen with 725 MiB; so were the small internet and the builds beside it.
MIB_PER_HOST = 700


def refuse_memory(hosts: int, meminfo: Path = MEMORY) -> None:
    """Refuse to start hosts whose programs the kernel would end.

    Args:
        hosts: How many are to be started.
        meminfo: Says how much there is.

    Raises:
        LabError: There is too little.
    """
    lines = (line.split() for line in meminfo.read_text().splitlines())
    free = next(int(words[1]) for words in lines if words[0] == "MemAvailable:") // 1024
    needed = (hosts + 1) * MIB_PER_HOST if hosts else 0
    if free < needed:
        raise LabRefusedError(
            f"too little memory: {free} MiB are available",
            f"{hosts} hosts with aiPBX on them, and the small internet, need {needed} MiB",
            "end other programs, or bring up one host: inv lab.up --hosts=1",
        )


def refuse_inotify(hosts: int, maximum: Path = MAXIMUM, processes: Path = Path("/proc")) -> None:
    """Refuse to start hosts whose services would fail with "Too many open files".

    Args:
        hosts: How many are to be started.
        maximum: Holds the limit.
        processes: Where the kernel shows processes. Those of others are seen by root only: without root, only a limit
            that is too low by itself is found.

    Raises:
        LabError: There are too few left.
    """
    limit = int(maximum.read_text())
    left = limit - _used(processes)
    if left < hosts * PER_HOST:
        raise LabRefusedError(
            f"too few inotify instances: {max(left, 0)} of {limit} are left",
            f"{hosts} hosts need {hosts * PER_HOST}; without them systemd and Docker fail there, with other messages",
            f"sudo sysctl -w fs.inotify.max_user_instances={max(ENOUGH, 2 * limit)}, then run inv lab.up again "
            "(the same line in /etc/sysctl.d/60-inotify.conf keeps it)",
        )


def _used(processes: Path) -> int:
    """Count root's, the hosts' among them: to the kernel their root is the machine's."""
    return sum(
        _target(descriptor) == "anon_inode:inotify"
        for process in processes.glob("[0-9]*")
        if _owner(process) == 0
        for descriptor in process.glob("fd/*")
    )


def _owner(process: Path) -> int | None:
    try:
        return process.stat().st_uid
    except FileNotFoundError:
        return None  # it has ended


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)  # noqa: PTH115 - it is no path
    except OSError:
        return ""  # it was closed, or is not for our eyes
