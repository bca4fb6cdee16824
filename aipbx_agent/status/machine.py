"""The machine: disk, memory, load, live calls, and the certificate that is served."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from aipbx_agent.contract import CERTIFICATE
from aipbx_agent.core.config import Config
from aipbx_agent.core.disk import MIB
from aipbx_agent.core.errors import AgentError
from aipbx_agent.release.containers import traffic
from aipbx_agent.tls import pem


def collect(config: Config) -> dict[str, Any]:
    """Return how it is."""
    free, percent = _disk(config.app)
    ram = memory()
    return {
        "disk_free_mib": free,
        "disk_percent": percent,
        "memory_mib": ram["MemTotal"],
        "memory_free_mib": ram["MemAvailable"],
        "load": round(os.getloadavg()[0], 2),
        "processors": len(os.sched_getaffinity(0)),
        "calls": _calls(config),
        "certificate_until": ends.isoformat() if (ends := pem.ends(config.app / CERTIFICATE)) else None,
    }


def _disk(path: Path) -> tuple[int, int]:
    """MiB that are free, and the percentage that is used, as `df` counts."""
    while not path.exists():
        path = path.parent
    disk = os.statvfs(path)
    used = disk.f_blocks - disk.f_bfree
    percent = -(-100 * used // (used + disk.f_bavail)) if used + disk.f_bavail else 0
    return disk.f_bavail * disk.f_frsize // MIB, percent


def memory() -> dict[str, int]:
    """Return what the kernel says of it: MiB by name."""
    fields = [line.split() for line in Path("/proc/meminfo").read_text("utf-8").splitlines()]
    return {name.rstrip(":"): int(count) // 1024 for name, count, *_ in fields}


def _calls(config: Config) -> int | None:
    """Live RTP flows; None: they cannot be counted."""
    try:
        return sum(traffic.flows(int(port)) for port in config.raw["rtp_ports"])
    except AgentError:
        return None
