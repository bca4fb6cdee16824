"""A Docker that lives on a host already: what of its settings decides where data and networks are is never lost."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.errors import OperatorError

# Where data, networks and names come from, as daemon.json and dockerd's command line say it.
KEPT = {
    "data-root": "--data-root",
    "graph": "--graph",
    "exec-root": "--exec-root",
    "storage-driver": "--storage-driver",
    "userns-remap": "--userns-remap",
    "bip": "--bip",
    "bridge": "--bridge",
    "fixed-cidr": "--fixed-cidr",
    "fixed-cidr-v6": "--fixed-cidr-v6",
    "default-address-pools": "--default-address-pool",
    "ipv6": "--ipv6",
    "mtu": "--mtu",
    "dns": "--dns",
    "registry-mirrors": "--registry-mirror",
    "insecure-registries": "--insecure-registry",
}
# What this project writes itself: dockerd does not start when its command line says them too.
OURS = {
    "live-restore": "--live-restore",
    "log-driver": "--log-driver",
    "log-opts": "--log-opt",
    "no-new-privileges": "--no-new-privileges",
    "firewall-backend": "--firewall-backend",
}
# Whatever else daemon.json says (an image store, a runtime, a proxy, a socket), something may need; but not these.
HARMLESS = {"debug", "experimental", "log-level", "max-concurrent-downloads", "max-concurrent-uploads"}
PROBE = """
echo "config=$(base64 -w 0 /etc/docker/daemon.json 2>/dev/null)"
echo "root=$(timeout 20 docker info --format '{{.DockerRootDir}}' 2>/dev/null)"
systemctl show -p ExecStart,DropInPaths docker.service 2>/dev/null
"""


@dataclass(frozen=True)
class DockerBefore:
    """What is on the host.

    Attributes:
        config: daemon.json; None when it cannot be read.
        root: where the running daemon keeps its data; empty when none runs.
        words: the command line that starts dockerd.
        drop_ins: files that change its unit.
    """

    config: dict[str, Any] | None = field(default_factory=dict)
    root: str = ""
    words: tuple[str, ...] = ()
    drop_ins: str = ""


def parse(lines: list[str]) -> DockerBefore:
    """Read the output of PROBE."""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    started = re.search(r"argv\[\]=(.*?) ;", values.get("ExecStart", ""))
    return DockerBefore(
        config=read(base64.b64decode(values.get("config", ""))),
        root=values.get("root", ""),
        words=tuple(shlex.split(started[1])) if started else (),
        drop_ins=values.get("DropInPaths", ""),
    )


def read(text: bytes | str) -> dict[str, Any] | None:
    """Return a daemon.json; None when it is none. dockerd takes an empty file for one without settings."""
    try:
        config = json.loads(text) if text.strip() else {}
    except ValueError:
        return None
    return config if isinstance(config, dict) else None


def refuse(host: str, before: DockerBefore, declared: Mapping[str, Any]) -> None:
    """Refuse to converge a host whose Docker would lose settings that decide where its data and networks are.

    Args:
        host: its name, for the message.
        before: what is there.
        declared: docker_daemon of its data.

    Raises:
        OperatorError: with the line for inventory.py.
    """
    _refuse_flags(host, before)
    if before.config is None:
        raise OperatorError(
            f"{host}: /etc/docker/daemon.json is not JSON.",
            "Converging replaces that file, and its settings for Docker's data cannot be read, and would be lost.",
            "Correct it on the host, or move it away, then run the same command again.",
        )
    others = {key: value for key, value in before.config.items() if key not in OURS.keys() | HARMLESS}
    lost = {key: value for key, value in others.items() if value != declared.get(key)}
    root = str(declared.get("data-root", "/var/lib/docker")).rstrip("/")
    # A user namespace has a folder of its own below the root.
    if before.root and "data-root" not in lost and not f"{before.root}/".startswith(f"{root}/"):
        lost["data-root"] = before.root
    if lost:
        raise OperatorError(
            f"{host}: Docker runs there already, and would lose its {', '.join(lost)}.",
            "The inventory does not declare it: containers and volumes could disappear, or networks change.",
            f'Keep it, in inventory.py for {host}: "docker_daemon": {dict(declared) | lost}, '
            "or take it out of /etc/docker/daemon.json on the host, once nothing there is needed.",
        )


def _refuse_flags(host: str, before: DockerBefore) -> None:
    typed = {word.partition("=")[0] for word in before.words}
    flags = sorted(flag for flag in (*KEPT.values(), *OURS.values()) if flag in typed)
    if flags:
        raise OperatorError(
            f"{host}: docker.service starts dockerd with {', '.join(flags)}.",
            "dockerd does not start when a setting is also in daemon.json. They are set in "
            f"{before.drop_ins or 'the unit itself'}.",
            "Remove them there, then `systemctl daemon-reload`. Those that Docker still needs (except "
            f"{', '.join(OURS)}) go into docker_daemon in inventory.py for {host}.",
        )
