"""The machine: disk, memory, load, live calls, and the certificate that is served."""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aipbx_agent.core.config import Config
from aipbx_agent.core.disk import MIB
from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.process import run
from aipbx_agent.release import traffic


def found(config: Config) -> dict[str, Any]:
    """How it is."""
    free, percent = _disk(config.app)
    memory = _memory(Path("/proc/meminfo").read_text("utf-8"))
    return {
        "disk_free_mib": free,
        "disk_percent": percent,
        "memory_mib": memory["MemTotal"],
        "memory_free_mib": memory["MemAvailable"],
        "load": round(os.getloadavg()[0], 2),
        "processors": len(os.sched_getaffinity(0)),
        "calls": _calls(config),
        "certificate_until": _certificate_until(config.app / "tls" / "current" / "fullchain.pem"),
    }


def _disk(path: Path) -> tuple[int, int]:
    """MiB that are free, and the percentage that is used, as `df` counts."""
    while not path.exists():
        path = path.parent
    disk = os.statvfs(path)
    used = disk.f_blocks - disk.f_bfree
    percent = -(-100 * used // (used + disk.f_bavail)) if used + disk.f_bavail else 0
    return disk.f_bavail * disk.f_frsize // MIB, percent


def _memory(text: str) -> dict[str, int]:
    """MiB by name."""
    words = [line.split() for line in text.splitlines()]
    return {name.rstrip(":"): int(count) // 1024 for name, count, *_ in words}


def _calls(config: Config) -> int | None:
    """Live RTP flows; None: they cannot be counted."""
    try:
        return sum(traffic.flows(int(port)) for port in config.raw["rtp_ports"])
    except AgentError:
        return None


def _certificate_until(chain: Path) -> str | None:
    try:
        said = run(["openssl", "x509", "-noout", "-enddate", "-in", str(chain)], seconds=SECONDS).decode()
    except AgentError:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(said.strip().partition("=")[2]), timezone.utc).isoformat()
