"""Finds a Docker engine that can carry the lab, or starts the lab's own."""

from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path

from lab.engine import daemon, packages
from lab.engine.docker import Docker
from lab.errors import LabRefusedError

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
OLDEST = (20, 10)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# Root file systems, images and what they are made of, the application's builds, three hosts that have converged.
FIRST_GIB = 10
AGAIN_GIB = 2


def find() -> Docker | None:
    """Return the engine that the lab uses when one answers: the machine's, else the lab's own.

    Raises:
        LabError: ``DOCKER_HOST`` names an engine that is not on this machine, or that does not answer.
    """
    named = os.environ.get("DOCKER_HOST")
    if shutil.which("docker") is None:
        return None
    if named:
        return _named(named)
    for address in (DEFAULT_ADDRESS, daemon.ADDRESS):
        if os.access(address.removeprefix("unix://"), os.R_OK | os.W_OK) and Docker(address).answers():
            return Docker(address)
    return None


def ensure() -> Docker:
    """Return an engine that can carry the lab; install and start one when there is none.

    Raises:
        LabError: This machine cannot host the lab; the message says why and what to do.
    """
    refuse_machine(platform.system(), platform.machine())
    docker = find() or _install_and_start()
    refuse_engine(json.loads(docker.run("info", "--format", "{{json .}}")))
    return docker


def stop() -> bool:
    """Stop the lab's own engine unless something runs on it, and say whether it was stopped.

    An engine that the lab did not start is never stopped.

    Raises:
        LabError: It did not stop in time.
    """
    docker = find()
    if docker is None or docker.address != daemon.ADDRESS or docker.lines("ps", "--quiet"):
        return False
    return daemon.stop()


def refuse_machine(system: str, machine: str) -> None:
    """Refuse a machine that no engine could help.

    Args:
        system: The kernel's name, as ``uname -s`` says it.
        machine: The processor, as ``uname -m`` says it.

    Raises:
        LabError: The lab cannot run here.
    """
    if system != "Linux":
        raise LabRefusedError(
            f"the lab cannot run on {system}",
            "its hosts are Linux containers that are reached at their own addresses",
            "run it in a Linux virtual machine (Debian 12 or newer, 2 cores, 4 GiB of memory)",
        )
    if machine not in ARCHITECTURES:
        raise LabRefusedError(
            f"the lab cannot run on a processor of type {machine}",
            f"its images are made for {' and '.join(ARCHITECTURES)}",
            "use a machine with one of these",
        )


def refuse_engine(info: dict[str, object]) -> None:
    """Refuse an engine whose containers would not be hosts.

    Args:
        info: What ``docker info`` says, as read from its JSON.

    Raises:
        LabError: The lab cannot run on this engine.
    """
    version = str(info.get("ServerVersion", "0"))
    numbers = tuple(int(part) for part in version.split("+")[0].split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        raise LabRefusedError(
            f"the Docker engine is too old: {version}",
            f"the lab needs {'.'.join(map(str, OLDEST))} or newer, for control groups of a host's own",
            "upgrade Docker, then run inv lab.up again",
        )
    options = info.get("SecurityOptions")
    if isinstance(options, list) and any("rootless" in str(option) for option in options):
        raise LabRefusedError(
            "the Docker engine runs rootless",
            "its containers have no addresses that this machine can reach",
            "point DOCKER_HOST at the system's engine (unix:///var/run/docker.sock)",
        )
    if "Docker Desktop" in str(info.get("OperatingSystem", "")):
        raise LabRefusedError(
            "the Docker engine is Docker Desktop's",
            "its containers run in a virtual machine, at addresses that this machine cannot reach",
            "install the Docker engine itself, and point DOCKER_HOST at its socket",
        )


def refuse_disk(docker: Docker, *, first: bool) -> None:
    """Refuse to start on a disk that would fill up.

    Args:
        docker: The engine whose disk is checked.
        first: Whether images have to be built.

    Raises:
        LabError: There is too little space.
    """
    folder = Path(docker.run("info", "--format", "{{.DockerRootDir}}").strip())
    while not os.access(folder, os.R_OK | os.X_OK) and folder != folder.parent:
        folder = folder.parent
    needed = FIRST_GIB if first else AGAIN_GIB
    free = shutil.disk_usage(folder).free / 2**30
    if free < needed:
        raise LabRefusedError(
            f"too little disk space: {free:.1f} GiB are free on the disk of {folder}",
            f"the lab needs {needed} GiB there" + (" to build its images and run" if first else ""),
            "free some space (docker system df shows what Docker uses), then run inv lab.up again",
        )


def _named(address: str) -> Docker:
    docker = Docker(address)
    if not address.startswith("unix://"):
        raise LabRefusedError(
            f"DOCKER_HOST is {address}",
            "the lab's hosts are reached at their own addresses, so the engine must be on this machine",
            "unset DOCKER_HOST, or point it at a local socket (unix:///…)",
        )
    if not docker.answers():
        raise LabRefusedError(
            f"no Docker engine answers at {address}",
            "DOCKER_HOST names it, so the lab uses no other",
            "start that engine, or unset DOCKER_HOST",
        )
    return docker


def _install_and_start() -> Docker:
    if os.geteuid() != 0:
        raise LabRefusedError(
            "no Docker engine answers, and only root may install or start one",
            _reason_without_root(),
            "start Docker and join its group (sudo usermod -aG docker $USER, log in again), or run as root",
        )
    installed = packages.ensure_engine()
    if installed and Docker(DEFAULT_ADDRESS).answers():
        return Docker(DEFAULT_ADDRESS)
    daemon.start()
    return Docker(daemon.ADDRESS)


def _reason_without_root() -> str:
    socket = Path(DEFAULT_ADDRESS.removeprefix("unix://"))
    if socket.exists() and not os.access(socket, os.R_OK | os.W_OK):
        return f"{socket} is there, but this user may not use it"
    return "the docker command is missing" if shutil.which("docker") is None else f"{socket} is not there"
