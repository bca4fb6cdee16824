"""A test run takes down what its own fixtures started, whatever else runs in the same checkout meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import removal, running
from lab.engine import docker_engine
from lab.topology import Lab
from tests import conftest, started


class Machine:
    """A machine whose labs and engine run as a story says; it notes what is taken down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.up, self.engine, self.ended = set[str](), False, list[str]()
        monkeypatch.setattr(docker_engine, "find", lambda: object() if self.engine else None)
        monkeypatch.setattr(running, "current", lambda lab: object() if lab.name in self.up else None)
        monkeypatch.setattr(removal, "down", lambda lab, _: self.ended.append(f"lab {lab.name}"))
        monkeypatch.setattr(docker_engine, "stop", lambda: self.ended.append("engine"))

    def start(self, *labs: str) -> None:
        """Someone brings labs up."""
        self.engine, self.up = True, self.up | set(labs)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine on which nothing runs, and a test run that has just begun on it."""
    monkeypatch.setenv(started.FOLDER, "the outer run's")
    return Machine(monkeypatch)


def session() -> Any:
    """A test run without workers, or the one that controls them."""
    return SimpleNamespace(config=SimpleNamespace(pluginmanager=SimpleNamespace(register=lambda _: None)))


def test_a_lab_that_came_up_during_the_run_stays(machine: Machine) -> None:
    run = session()
    conftest.pytest_configure(run.config)
    machine.start("")
    conftest.pytest_sessionfinish(run)
    conftest.pytest_unconfigure(run.config)
    assert machine.ended == []


def test_what_the_fixtures_started_is_taken_down(machine: Machine) -> None:
    run = session()
    conftest.pytest_configure(run.config)
    started.record(Lab(Path("/checkout"), "gw1"))
    machine.start("gw1", "demo")
    started.record(Lab(Path("/checkout"), "demo"))
    conftest.pytest_sessionfinish(run)
    assert machine.ended == ["lab gw1", "engine"]
    conftest.pytest_unconfigure(run.config)
    assert not Path(os.environ[started.FOLDER]).exists()


def test_a_lab_that_was_up_before_outlives_the_run(machine: Machine) -> None:
    run = session()
    conftest.pytest_configure(run.config)
    machine.start("before")
    for name in ("before", "gw1"):
        started.record(Lab(Path("/checkout"), name))
    assert not started.by_this_run(Lab(Path("/checkout"), "before"))
    assert started.by_this_run(Lab(Path("/checkout"), "gw1"))
    conftest.pytest_unconfigure(run.config)


def test_a_worker_takes_nothing_down(machine: Machine) -> None:
    run = session()
    conftest.pytest_configure(run.config)
    started.record(Lab(Path("/checkout")))
    worker: Any = SimpleNamespace(config=SimpleNamespace(workerinput={"workerid": "gw0"}))
    conftest.pytest_sessionfinish(worker)
    conftest.pytest_unconfigure(worker.config)
    assert machine.ended == []
    conftest.pytest_sessionfinish(run)
    conftest.pytest_unconfigure(run.config)
    assert machine.ended == ["lab ", "engine"]
