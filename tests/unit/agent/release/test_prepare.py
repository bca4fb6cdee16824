"""What a release stands on: refused before anything is touched, or started in its order."""

from __future__ import annotations

import io
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.contract import STAGED
from aipbx_agent.core import compose, docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.release import prepare
from aipbx_agent.release.containers import colours, database_container
from aipbx_agent.release.switch import overlap
from aipbx_agent.roles import declare

IMAGES = {"backend": "b:1", "frontend": "f:2"}
REQUEST: dict[str, Any] = {
    "images": IMAGES,
    "settings": {"switch_mode": "colours"},
    "overlaps": None,
    "base": True,
    "volumes": ["v"],
    "extra": [],
}


class World:
    """A host on which one thing may fail."""

    def __init__(self, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.config = Config({"app_dir": str(app), "compose_project": "aipbx", "host": "aipbx.ru"}, {}, {})
        self.acts: list[str] = []
        self.fault = ""
        monkeypatch.setattr(compose, "run", lambda words, **_: self.does(" ".join(words[words.index("-f") + 4 :])))
        monkeypatch.setattr(prepare, "run", lambda words, **_: self.does(" ".join(words[1:])))
        monkeypatch.setattr(database_container, "bring_up", lambda *_: self.does("database"))
        monkeypatch.setattr(declare, "declared", lambda _: [self.does("roles").decode()])
        monkeypatch.setattr(docker, "container", lambda *_, **__: "abc")
        monkeypatch.setattr(docker, "wait_healthy", lambda _, what, __: self.does(f"{what} healthy"))
        monkeypatch.setattr(colours, "serving", lambda *_: "backend-blue")
        monkeypatch.setattr(overlap, "ahead", lambda *_: self.overlaps())
        self.asked = monkeypatch

    def overlaps(self) -> overlap.Overlap | None:
        return overlap.Overlap("Two backends.", "It is.", "Later.", 1, "") if self.fault == "timers" else None

    def does(self, what: str) -> bytes:
        self.acts.append(what)
        if self.fault and self.fault in what:
            raise Failed(f"{what} does not work.", "A fault.", "Fix it.")
        return b"a note"

    def __call__(self, **changes: Any) -> None:
        self.asked.setattr("sys.stdin", io.StringIO(json.dumps(REQUEST | changes)))
        prepare.main(self.config, Namespace())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_a_file_of_someone_else_s_stays(world: World, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("theirs")
    world()
    assert (tmp_path / ".env").read_text() == "theirs"


def test_everything_in_its_order(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world(extra=["mysql"])
    up = "up --detach --no-deps --no-build --pull never"
    assert world.acts == [
        "config --quiet", "volume create v", "database", "roles", f"{up} mysql", f"{up} nginx", "the nginx healthy",
    ]  # fmt: skip
    files = "COMPOSE_FILE=compose.yml:environment.json\n"
    assert (tmp_path / STAGED).read_text() == f"BACKEND_IMAGE=b:1\nFRONTEND_IMAGE=f:2\n{files}"
    assert (tmp_path / ".env").readlink() == Path("images.env"), "for whoever types `docker compose ps` there"
    assert "a note" in capsys.readouterr().out


def test_a_release_is_only_written_down_where_nothing_else_is_asked_for(world: World) -> None:
    world(base=False)
    assert world.acts == ["config --quiet"]


def test_what_compose_cannot_read_is_refused(world: World) -> None:
    world.fault = "config"
    with pytest.raises(Refused, match=r"Compose cannot read the stack of aipbx\.ru"):
        world()
    assert world.acts == ["config --quiet"]


def test_timers_that_would_run_twice_are_refused_where_that_is_asked(world: World, tmp_path: Path) -> None:
    world.fault = "timers"
    with pytest.raises(Refused, match="Two backends"):
        world(overlaps=60)
    assert (world.acts, (tmp_path / STAGED).exists()) == ([], False)
    world(overlaps=None)


@pytest.mark.parametrize("fault", ["volume", "database", "roles", "nginx healthy"])
def test_from_then_on_it_has_failed(world: World, fault: str) -> None:
    world.fault = fault
    with pytest.raises(Failed, match=fault):
        world()
