"""Taking a lab down, and removing all that it made on this machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from lab.engine import daemon, docker_engine
from lab.topology import IMAGE_LABEL, LABEL, Lab

if TYPE_CHECKING:
    from lab.engine.docker import Docker
    from lab.progress import Steps

# What makes the next start fast, and what a test run leaves to find out why a story failed, and what took long: it is
# read once the lab that the run has started is gone.
KEPT = {"cache", "failed", "durations.json"}


def down(lab: Lab, steps: Steps) -> None:
    """Remove the lab's containers, networks, volumes and files but for KEPT."""
    docker = docker_engine.find()
    if docker is not None:
        with steps.step("hosts, world and network"):
            _remove_objects(docker, lab, keep={lab.volume("mirror")})
    if lab.directory.is_dir():
        for entry in lab.directory.iterdir():
            if entry.name not in KEPT:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def clean(lab: Lab, steps: Steps) -> None:
    """Remove everything that the lab made on this machine, and what no other lab needs any more."""
    down(lab, steps)
    docker = docker_engine.find()
    if docker is not None:
        _remove_objects(docker, lab, keep=set())
        others = docker.lines("ps", "--all", "--quiet")
        if docker.address == daemon.ADDRESS and not others:
            with steps.step("the lab's own Docker engine, with its images"):
                docker_engine.stop()
                daemon.remove_data()
        elif not docker.lines("ps", "--all", "--quiet", "--filter", f"label={LABEL}"):
            with steps.step("images"):
                _remove_images(docker)
    shutil.rmtree(lab.directory, ignore_errors=True)


def _remove_objects(docker: Docker, lab: Lab, keep: set[str]) -> None:
    """Remove everything with this lab's label, apart from the volumes to keep."""
    own = f"label={lab.label}"
    if containers := docker.lines("ps", "--all", "--quiet", "--filter", own):
        docker.run("rm", "--force", "--volumes", *containers, timeout=120)
    if networks := docker.lines("network", "ls", "--quiet", "--filter", own):
        docker.run("network", "rm", *networks)
    if volumes := sorted(set(docker.lines("volume", "ls", "--quiet", "--filter", own)) - keep):
        docker.run("volume", "rm", *volumes, timeout=120)
    # Its hosts' snapshots.
    if snapshots := docker.lines("images", "--quiet", "--filter", own):
        docker.run("rmi", "--force", *set(snapshots), timeout=300)


def _remove_images(docker: Docker) -> None:
    own = f"label={IMAGE_LABEL}"
    listed = docker.lines("images", "--filter", own, "--format", "{{.Repository}}:{{.Tag}}")
    if names := [name for name in listed if "<none>" not in name]:
        docker.run("rmi", "--force", *names, timeout=300)
    if volumes := docker.lines("volume", "ls", "--quiet", "--filter", own):
        docker.run("volume", "rm", *volumes, timeout=120)
    # What building them left without a name.
    docker.run("image", "prune", "--force", "--filter", own, timeout=300)
