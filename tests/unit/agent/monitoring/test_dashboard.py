"""Grafana is there while somebody looks, and not longer, whoever is killed."""

from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipbx_agent.core import compose, disk, docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.monitoring import client, dashboard
from aipbx_agent.status import machine


class World:
    """A host on which someone looks at Grafana; a process that sleeps is its container."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.memory, self.container = 2000, ["sleep", "60"]
        raw = {"host": "aipbx.ru", "app_dir": str(tmp_path), "compose_project": "aipbx", "min_free_disk_mib": 0}
        self.config = Config({**raw, "monitoring": {"prometheus": "x", "grafana": "y"}}, {}, {})
        self.stdin, self.operator = os.pipe()
        monkeypatch.setattr(dashboard, "LOCK", tmp_path / "lock")
        monkeypatch.setattr(disk, "require", lambda *_: None)
        monkeypatch.setattr(machine, "memory", lambda: {"MemAvailable": self.memory})
        monkeypatch.setattr(client, "ask", lambda *_: {})
        monkeypatch.setattr(docker, "container", lambda *_: "container")
        monkeypatch.setattr(docker, "root", lambda: tmp_path)
        monkeypatch.setattr(compose, "run", self._compose)
        popen = subprocess.Popen
        monkeypatch.setattr(subprocess, "Popen", lambda _, **pipes: popen(self.container, **pipes))
        monkeypatch.setattr(sys, "stdin", os.fdopen(self.stdin))

    def _compose(self, argv: list[str], *, seconds: float) -> None:
        assert seconds
        assert argv[-1] == "grafana"
        self.done.append(next(word for word in argv if word in {"up", "rm"}))

    def look(self) -> None:
        dashboard.main(self.config, argparse.Namespace())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path, monkeypatch)
    yield made
    sys.stdin.close()


def test_it_ends_with_its_operator(world: World) -> None:
    looking = threading.Thread(target=world.look)
    looking.start()
    os.write(world.operator, b"words that mean nothing")
    looking.join(0.3)
    assert looking.is_alive()
    assert world.done == ["up"]
    dashboard.keep(world.config, {"prometheus", "grafana"})
    assert world.done == ["up"]
    os.close(world.operator)
    looking.join(10)
    assert world.done == ["up", "rm"]


def test_one_that_ends_by_itself_is_reported_and_removed(world: World) -> None:
    world.container = ["true"]
    with pytest.raises(Failed, match="has ended by itself"):
        world.look()
    assert world.done == ["up", "rm"]
    os.close(world.operator)


def test_it_stays_while_another_one_looks(world: World) -> None:
    os.close(world.operator)
    with dashboard.LOCK.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        world.look()
        assert world.done == ["up"]
        dashboard.keep(world.config, {"grafana"})
        assert world.done == ["up"]
    dashboard.keep(world.config, {"grafana"})
    assert world.done == ["up", "rm"]


def test_a_host_without_it_is_left_alone(world: World) -> None:
    dashboard.keep(world.config, {"prometheus"})
    assert world.done == []
    os.close(world.operator)


def test_a_host_with_little_memory_refuses(world: World) -> None:
    world.memory = 700
    with pytest.raises(Refused, match="too little free memory"):
        world.look()
    assert world.done == []
    os.close(world.operator)
