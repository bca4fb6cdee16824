"""Logging in as an operator does: the system's ssh, a fresh connection each time."""

from __future__ import annotations

import subprocess
from pathlib import Path

FRESH = ("-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ConnectTimeout=5")


def ssh(ssh_config: Path, account: str, host: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a host over a connection of its own; 255 is ssh's own failure."""
    return subprocess.run(
        ["ssh", "-F", str(ssh_config), *FRESH, *options, f"{account}@{host}", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
