"""What a test run has started: recorded by the worker that starts it, read at the end of the run."""

from __future__ import annotations

import os
from pathlib import Path

from lab import removal, running
from lab.engine import docker_engine
from lab.progress import Steps
from lab.topology import Lab

# Workers inherit it from the run that they belong to.
FOLDER = "AIPBX_TEST_RUN_STARTED"
ENGINE = "engine"


def record(lab: Lab) -> None:
    """Write down, before a lab is brought up, what is not running yet: a run that is cut off later ends it too."""
    folder = Path(os.environ[FOLDER])
    if docker_engine.find() is None:
        (folder / ENGINE).touch()
    if running.current(lab) is None:
        (folder / f"lab-{lab.name}").touch()


def by_this_run(lab: Lab) -> bool:
    """Say whether this run has brought a lab up, and takes it down at its end."""
    return (Path(os.environ[FOLDER]) / f"lab-{lab.name}").exists()


def end(root: Path) -> None:
    """Take down what this run has started, and nothing else.

    Args:
        root: The checkout.
    """
    names = {path.name for path in Path(os.environ[FOLDER]).iterdir()}
    with Steps().shown() as steps:
        for name in sorted(names - {ENGINE}):
            removal.down(Lab(root, name.removeprefix("lab-")), steps)
    if ENGINE in names:
        docker_engine.stop()
