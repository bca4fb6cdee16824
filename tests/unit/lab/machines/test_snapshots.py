"""What a snapshot of a host is, and when it counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.engine.docker import Docker
from lab.machines import snapshots
from lab.machines.host import Host
from lab.topology import HOSTS, Lab, Subnet

LAB = Lab(Path("/srv/one"))
HOST = Host(Docker("unix:///nowhere"), LAB, Subnet(1), HOSTS[2])


class Engine:
    """An engine that notes what it is told, and fails where a story says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failing: str = "") -> None:
        self.told: list[str] = []
        self._failing = failing
        monkeypatch.setattr(Docker, "run", self._run)

    def _run(self, *arguments: str, **_: float) -> str:
        self.told.append(arguments[0])
        if arguments[0] == self._failing:
            raise RuntimeError(arguments[0])
        return "sha256:0123\n"


def test_the_command_that_copies_docker_s_data() -> None:
    command = snapshots.copy_command(LAB, "sha256:0123", "a", "b")
    assert command[:6] == ["run", "--rm", "--label", LAB.label, "--network", "none"]
    assert "type=volume,source=a,target=/from,readonly" in command
    assert command[-6:] == ["--entrypoint", "cp", "sha256:0123", "--archive", "/from/.", "/to/"]


def test_it_belongs_to_one_host_of_one_lab() -> None:
    assert snapshots.image(HOST, "converged") == f"aipbx-lab-{LAB.id}-aipbx.ru:converged"
    assert snapshots.volume(HOST, "converged") == f"aipbx-lab-{LAB.id}-aipbx.ru-docker-converged"


@pytest.mark.parametrize(("mark", "there"), [("0123", True), ("4567", False)])
def test_one_that_was_made_of_something_else_does_not_count(
    monkeypatch: pytest.MonkeyPatch, mark: str, there: bool
) -> None:
    labels = {"net.aipbx.lab.snapshot": "0123"}
    found: dict[str, Any] = {"Config": {"Labels": labels}}
    monkeypatch.setattr(Docker, "inspect", lambda *_: found)
    assert snapshots.exists(HOST, "converged", mark) is there


def test_a_host_whose_snapshot_fails_keeps_running(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, failing="commit")
    with pytest.raises(RuntimeError, match="commit"):
        snapshots.take(HOST, "converged", "0123")
    assert engine.told[0] == "pause"
    assert engine.told[-2:] == ["commit", "unpause"]
