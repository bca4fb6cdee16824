"""Debian packages that the lab needs on this machine: installed only when they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess

from lab import process
from lab.errors import LabRefusedError

# What each package is needed for, by the program that shows that it is there.
_ENGINE = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "ip": "iproute2"}
_BOOTSTRAP = {"mmdebstrap": "mmdebstrap"}
_TIMEOUT = 900


def install_command(packages: list[str]) -> list[str]:
    """Return the command that installs packages without a question."""
    return ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]


def missing(programs: dict[str, str], path: str | None = None) -> list[str]:
    """Return the packages whose programs are not on the search path.

    Args:
        programs: Package by program.
        path: The search path; none means the environment's.
    """
    wanted = {package for program, package in programs.items() if shutil.which(program, path=path) is None}
    return sorted(wanted)


def ensure_engine() -> bool:
    """Install a Docker engine when this machine has none, and say whether that was needed.

    Raises:
        LabError: The packages could not be installed.
    """
    needed = missing(_ENGINE)
    # Debian's docker.io only recommends the client from Debian 13 on.
    if "docker.io" in needed and shutil.which("docker") is None and _known("docker-cli"):
        needed.append("docker-cli")
    return _install(needed, "a Docker engine")


def ensure_bootstrap() -> None:
    """Install mmdebstrap when it is missing: it makes the root file systems.

    Raises:
        LabError: The packages could not be installed.
    """
    needed = missing(_BOOTSTRAP)
    if needed:
        _install([*needed, "debian-archive-keyring"], "root file systems")


def can_install() -> bool:
    """Say whether this user may install packages on this machine."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _known(package: str) -> bool:
    shown = subprocess.run(
        ["apt-cache", "show", "--no-all-versions", package], capture_output=True, check=False, timeout=60
    )
    return shown.returncode == 0


def _install(packages: list[str], purpose: str) -> bool:
    if not packages:
        return False
    if not can_install():
        raise LabRefusedError(
            f"packages are missing: {', '.join(packages)}",
            "only root can install them, and only with apt-get (Debian, Ubuntu)",
            "install a Docker engine as your system does, then run inv lab.up again",
        )
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "--quiet"], install_command(packages)):
        do = f"the lab needs {purpose}: make `{' '.join(command)}` work, then run inv lab.up again"
        process.run(command, _TIMEOUT, do, environment=environment)
    return True
