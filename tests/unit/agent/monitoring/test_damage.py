"""Data of monitoring that are damaged go, and only those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.monitoring import damage
from aipbx_agent.report import notify

FIRST, SECOND = "01M8KMT708WZ35R3DEVA9D5VWE", "01M8KMHH9WK5P40T977FDBZN2B"
BLOCKS = {f"{FIRST}/index", f"{SECOND}/index"}
REST = {"wal/00000000", "chunks_head/000001", "queries.active"}
SAID = 'ts=2026 caller=main.go level=error err="opening storage failed: {}"'


class World:
    """A host on which a program of monitoring ends over and over, and what it says."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.said, self.done = tmp_path / "data", "", list[str]()
        # By block: how the tool ends that reads one, and what it says.
        self.blocks = {FIRST: (0, f"{FIRST} 120"), SECOND: (0, f"{SECOND} 120")}
        for name in (*BLOCKS, *REST, "nflog", "silences"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text("x")
        monkeypatch.setattr(damage, "attempt", self._attempt)
        for verb in ("stop", "start"):
            monkeypatch.setattr(docker, verb, lambda _, verb=verb: self.done.append(verb))
        monkeypatch.setattr(notify, "send", lambda _, title, text: self.done.append(f"{title} {text}"))

    def _attempt(self, argv: list[str], *, seconds: float) -> tuple[int, str]:
        assert seconds
        if "logs" in argv:
            return 0, self.said
        return next(answer for name, answer in self.blocks.items() if name in " ".join(argv))

    def repair(self, service: str, said: str, *, restarting: bool = True) -> set[str]:
        """Have it repaired, and return what is gone."""
        self.said, before = said, self._files()
        mounts = [{"Type": "bind", "Source": "/etc"}, {"Type": "volume", "Source": str(self.folder)}]
        one: dict[str, Any] = {"Id": "c", "State": {"Restarting": restarting}, "Mounts": mounts}
        config = Config({"host": "aipbx.ru"}, {}, {})
        damage.repair(config, service, {**one, "Config": {"Image": "prom/prometheus:v3"}})
        return before - self._files()

    def _files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_a_block_of_which_its_tool_says_the_same_goes(world: World) -> None:
    world.blocks[SECOND] = (1, "read TOC: read TOC: invalid checksum\n")
    assert world.repair("prometheus", SAID.format("read TOC: read TOC: invalid checksum")) == {f"{SECOND}/index"}
    assert world.done[:2] == ["stop", "start"]
    assert f"could not read {SECOND}," in world.done[2]


@pytest.mark.parametrize(
    "answer",
    [(1, "setting up sandbox dir: read-only file system"), (1, ""), (125, "invalid magic number 67617262")],
)
def test_a_tool_that_says_something_else_condemns_no_block(world: World, answer: tuple[int, str]) -> None:
    world.blocks[SECOND] = answer
    assert world.repair("prometheus", SAID.format("invalid magic number 67617262")) == set()
    assert world.done == []


@pytest.mark.parametrize(
    ("service", "said", "gone"),
    [
        (
            "prometheus",
            SAID.format("/prometheus/chunks_head/000001: invalid magic number 67617262"),
            {"chunks_head/000001"},
        ),
        (
            "prometheus",
            SAID.format("repair corrupted WAL: cannot handle error: open WAL segment: 0: no such file or directory"),
            {"wal/00000000", "chunks_head/000001"},
        ),
        (
            "prometheus",
            SAID.format("get segment range: segments are not sequential"),
            {"wal/00000000", "chunks_head/000001"},
        ),
        ("alertmanager", 'level=ERROR msg="error creating notification log" err="unexpected EOF"', {"nflog"}),
        ("alertmanager", 'level=ERROR msg="error creating silence" err="unexpected EOF"', {"silences"}),
    ],
)
def test_what_the_program_names_goes(world: World, service: str, said: str, gone: set[str]) -> None:
    assert world.repair(service, said) == gone


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("prometheus", SAID.format("write /prometheus/chunks_head/000003: no space left on device")),
        ("prometheus", SAID.format("open /prometheus/chunks_head/000003: permission denied")),
        ("prometheus", "error loading config"),
        ("blackbox", SAID.format("/prometheus/chunks_head/000001: invalid magic number 67617262")),
    ],
)
def test_other_troubles_cost_no_data(world: World, service: str, said: str) -> None:
    assert world.repair(service, said) == set()
    assert world.done == []


def test_one_that_runs_is_left_alone(world: World) -> None:
    said = SAID.format("/prometheus/chunks_head/000001: invalid magic number 67617262")
    assert world.repair("prometheus", said, restarting=False) == set()
