"""Where ssh_config leads to a host."""

from __future__ import annotations

import os
import subprocess

from fleet.access import ssh_config_path


def public_address(name: str) -> str | None:
    """The IPv4 address at which ssh_config leads to the host called `name`, if it says one."""
    from fleet.env.formats import ipv4

    config = ["-F", str(ssh_config_path())] if os.environ.get("AIPBX_SSH_CONFIG") else []
    try:
        done = subprocess.run(["ssh", *config, "-G", name], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("hostname ")]
    return found[0] if found and ipv4(found[0]) else None
