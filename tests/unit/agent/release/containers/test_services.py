"""Services are started in the order in which they need each other, under the lock, and the public name is asked."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.release.containers import colours, services, stack
from aipbx_agent.release.switch import public_check


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "backups").mkdir()
    (tmp_path / "images.env").touch()
    return Config({"host": "aipbx.org", "app_dir": str(tmp_path)}, {"backend": {"DB_HOST": "postgres"}}, {})


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done; every container but the frontend's exists and runs."""
    said: list[str] = []
    monkeypatch.setattr(stack, "database", lambda _: "postgres")
    monkeypatch.setattr(colours, "active", lambda _, name: f"{name}-blue" if name in colours.HTTP_PORTS else name)
    monkeypatch.setattr(colours, "present", lambda _, name: "" if name == "frontend-blue" else name)
    monkeypatch.setattr(colours, "start", lambda _, name, images: said.append(f"make {name} by {images.name}"))
    monkeypatch.setattr(stack, "brought_back", lambda _, name: said.append(f"start {name}"))
    monkeypatch.setattr(docker, "running", lambda name: name != "nginx")
    monkeypatch.setattr(docker, "stop", lambda name: said.append(f"stop {name}"))
    monkeypatch.setattr(docker, "wait_healthy", lambda name, *_: said.append(f"wait for {name}"))
    monkeypatch.setattr(services, "run", lambda words, **_: said.append(" ".join(words[1:])))
    monkeypatch.setattr(public_check, "check", lambda _: said.append("public name"))
    return said


def act(config: Config, action: str, *named: str) -> None:
    services.main(config, argparse.Namespace(action=action, services=list(named)))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["start"],
            [
                *("start postgres", "start backend-blue"),
                *("make frontend-blue by images.env", "start frontend-blue", "start nginx"),
            ],
        ),
        (["stop", "postgres", "nginx"], ["stop nginx", "stop postgres"]),
        (["restart", "nginx", "backend"], ["restart backend-blue", "wait for backend-blue", "start nginx"]),
        (["stop", "frontend"], []),
    ],
)
def test_in_their_order(config: Config, done: list[str], words: list[str], expected: list[str]) -> None:
    act(config, *words)
    assert done == expected
    assert not (config.app / "lock").exists()


def test_the_public_name_is_asked_where_everything_runs(
    config: Config, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(colours, "present", lambda _, name: name)
    monkeypatch.setattr(docker, "running", lambda _: True)
    act(config, "restart", "nginx")
    assert done[-1] == "public name"
    (config.app / "maintenance").mkdir()
    (config.app / "maintenance" / "on").touch()
    act(config, "restart", "nginx")
    assert done[-1] == "wait for nginx"


def test_without_a_release_or_the_lock_nothing_is_done(config: Config, done: list[str]) -> None:
    (config.app / "lock").mkdir()
    with pytest.raises(Refused, match="the lock is held"):
        act(config, "restart", "nginx")
    (config.app / "images.env").unlink()
    with pytest.raises(Refused, match="no release yet"):
        act(config, "start")
    assert done == []
