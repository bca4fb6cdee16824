"""The containers of monitoring give way to a full disk, and come back."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.core import compose
from aipbx_agent.core.config import Config
from aipbx_agent.core.disk import MIB
from aipbx_agent.monitoring import stack
from aipbx_agent.report import notify


class World:
    """A host whose free disk a test says."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 4000
        self.done: list[str] = []
        raw = {"host": "aipbx.ru", "app_dir": str(tmp_path), "compose_project": "aipbx", "min_free_disk_mib": 2000}
        self.config = Config({**raw, "monitoring": {"prometheus": "x"}}, {"backend": {}}, {})
        monkeypatch.setattr(stack, "STOPPED", tmp_path / "stopped")
        monkeypatch.setattr(stack, "LOCK", tmp_path / "lock")
        self.unit = "active"
        monkeypatch.setattr(stack, "attempt", lambda *_, **__: (0, f"{self.unit}\n"))
        monkeypatch.setattr(stack, "free", lambda _: self.free * MIB)
        self.database = True
        monkeypatch.setattr(stack, "database_ready", lambda _: self.database)
        monkeypatch.setattr(compose, "run", self._compose)
        monkeypatch.setattr(notify, "send", lambda _, title, __: self.done.append(title))

    def _compose(self, argv: list[str], *, seconds: float) -> None:
        assert seconds
        self.done.append(next(word for word in argv if word in {"up", "stop"}))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


ALL = {*stack.ALWAYS, "postgres-exporter"}


def containers(*running: str) -> dict[str, dict[str, Any]]:
    """All of them, as Docker shows them."""
    return {name: {"State": {"Running": name in running, "Restarting": False}} for name in ALL}


def test_a_disk_that_fills_up_stops_them_once_and_room_brings_them_back(world: World) -> None:
    world.free = 1400
    stack.keep(world.config, containers(*ALL))
    stack.keep(world.config, containers())
    assert world.done == ["stop", "aipbx.ru: monitoring is stopped, because the disk is nearly full"]
    assert stack.STOPPED.exists()
    world.done.clear()
    world.free = 1800
    stack.keep(world.config, containers())
    assert world.done == []
    world.free = 2100
    stack.keep(world.config, containers())
    assert world.done == ["up", "aipbx.ru: monitoring runs again"]
    assert not stack.STOPPED.exists()


def test_a_start_waits_for_room(world: World) -> None:
    world.free = 1000
    stack.start(world.config)
    assert world.done == []
    assert stack.STOPPED.exists()


def test_the_exporter_comes_with_the_database(world: World) -> None:
    stack.keep(world.config, containers(*ALL))
    world.database = False
    stack.keep(world.config, containers(*stack.ALWAYS))
    assert world.done == []
    world.database = True
    stack.keep(world.config, containers(*stack.ALWAYS))
    assert world.done == ["up"]


def test_what_an_operator_stopped_stays_so(world: World) -> None:
    stack.keep(world.config, containers())
    assert world.done == []


@pytest.mark.parametrize("missing", sorted(stack.ALWAYS))
def test_one_that_is_missing_is_started(world: World, missing: str) -> None:
    stack.keep(world.config, containers(*(ALL - {missing})))
    assert world.done == ["up"]


@pytest.mark.parametrize("unit", ["inactive", "deactivating", "activating"])
def test_one_that_is_missing_while_the_unit_stops_is_not_started(world: World, unit: str) -> None:
    world.unit = unit
    stack.keep(world.config, containers("prometheus"))
    assert world.done == []


def test_nothing_is_kept_while_they_are_started_or_removed(world: World) -> None:
    with stack.LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stack.keep(world.config, containers("prometheus"))
    assert world.done == []
