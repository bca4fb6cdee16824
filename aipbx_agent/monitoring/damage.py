"""Data of Prometheus or Alertmanager that a power cut or a bad disk has damaged: neither starts with it.

Prometheus repairs the end of its log itself. What else it refuses, a block of some hours say, is deleted here; all
other data stay, and the team is notified.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import attempt
from aipbx_agent.report import notify

# What a program says of its data, and what of them is deleted then.
_ERRORS = {
    "prometheus": (
        (re.compile(r"opening storage failed:.*/chunks_head/"), ("chunks_head",)),
        (re.compile(r"opening storage failed:.*(\bWAL\b|get segment range)"), ("wal", "chunks_head")),
    ),
    "alertmanager": (
        (re.compile(r"error creating notification log"), ("nflog",)),
        (re.compile(r"error creating silence"), ("silences",)),
    ),
}
_UNREADABLE = "opening storage failed:"
# These are no damage.
_OTHER = re.compile(r"no space left|permission denied|read-only file system")
_BLOCK = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_LOG_LINES = 5


def repair(config: Config, service: str, container: dict[str, Any]) -> None:
    """Have a program start again that ends over and over because of its data.

    Args:
        config: the host's.
        service: what it is.
        container: its, as `docker inspect` shows it.

    Raises:
        AgentError: Docker does not do what it is asked.
    """
    if service not in _ERRORS or not container["State"]["Restarting"]:
        return
    _, said = attempt(["docker", "logs", "--tail", str(_LOG_LINES), container["Id"]], seconds=docker.SECONDS)
    folder = _data(container)
    damaged = _damaged(service, said, folder, container["Config"]["Image"])
    if not damaged:
        return
    docker.stop(container["Id"])
    for name in damaged:
        _delete(folder / name)
    docker.start(container["Id"])
    lost = ", ".join(damaged)
    notify.send(
        config,
        f"{config.host}: data of monitoring were damaged; {service} runs again",
        f"It could not read {lost}, which was deleted. The application's data are elsewhere and were not touched.\n"
        f"Has the host lost its power, or is its disk failing? inv status --host={config.host}; dmesg on the host",
    )


def _data(container: dict[str, Any]) -> Path:
    return next(Path(one["Source"]) for one in container["Mounts"] if one["Type"] == "volume")


def _damaged(service: str, said: str, folder: Path, image: str) -> list[str]:
    """The names of what it cannot read."""
    if _OTHER.search(said):
        return []
    for pattern, names in _ERRORS[service]:
        if pattern.search(said):
            return [name for name in names if (folder / name).exists()]
    blocks = sorted(one.name for one in folder.iterdir() if _BLOCK.fullmatch(one.name)) if _UNREADABLE in said else []
    return [name for name in blocks if _is_damaged(folder / name, image, said)]


def _is_damaged(block: Path, image: str, said: str) -> bool:
    """Whether Prometheus's own tool has the same to say of a block alone; what it says of another is not looked for."""
    argv = ["docker", "run", "--rm", "--pull", "never", "--network", "none", "--read-only", "--memory", "256m"]
    argv += ["--user", "65534:65534", "--tmpfs", "/data:mode=1777", "--volume", f"{block}:/data/{block.name}:ro"]
    argv += ["--entrypoint", "/bin/promtool", image, "tsdb", "list", "/data"]
    code, why = attempt(argv, seconds=docker.SECONDS)
    return code == 1 and bool(why.strip()) and f"{_UNREADABLE} {why.strip()}" in said


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
