"""What runs and what the registry has, asked of a stand-in for Docker Engine's API."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.core import engine_api
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.report import notify
from aipbx_agent.status import images

LABEL = "com.docker.compose.service"
OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config({"host": "aipbx.org", "app_dir": str(tmp_path), "compose_project": "aipbx"}, {}, {})


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the registry has by pin; a pin that it lacks is refused."""
    has = {"nginx:1": OLD}

    def ask(_: str, path: str, about: str) -> Any:
        kind, name = path.split("/")[1:3]
        if path.startswith("/containers/json"):
            return [{"Id": one, "Labels": {LABEL: one}} for one in ("nginx", "backend-blue", "frontend-green", "tts")]
        if kind == "containers":
            return {"Image": "sha256:1", "Config": {"Image": {"nginx": "nginx:1", "tts": "team/tts:2"}[name]}}
        if kind == "images":
            return {"RepoDigests": [f"nginx@{OLD}"], "Created": "2026-08-01T10:11:12.5Z"}
        pinned = name.replace("%3A", ":").replace("%2F", "/")
        if pinned not in has:
            raise Failed(f"Docker does not report {about}.", "denied", "")
        return {"Descriptor": {"digest": has[pinned]}}

    monkeypatch.setattr(engine_api, "ask", ask)
    return has


@pytest.fixture
def notified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    def send(_: Config, title: str, text: str) -> bool:
        said.append(f"{title}\n{text}")
        return True

    monkeypatch.setattr(notify, "send", send)
    return said


def test_the_application_is_left_out_and_a_registry_that_refuses_says_why(
    config: Config, registry: dict[str, str]
) -> None:
    nginx, tts = images.look(config)
    assert (nginx.service, nginx.image, nginx.running, nginx.built) == (
        "nginx",
        "nginx:1",
        [OLD],
        "2026-08-01T10:11:12Z",
    )
    assert (nginx.outdated, tts.outdated, tts.newest, tts.why) == (False, False, "", "denied")
    registry["nginx:1"] = NEW
    assert images.look(config)[0].outdated


def test_each_digest_is_notified_once(config: Config, registry: dict[str, str], notified: list[str]) -> None:
    for digest, count in ((OLD, 0), (NEW, 1), (NEW, 1), (f"sha256:{'c' * 64}", 2)):
        registry["nginx:1"] = digest
        images.main(config, argparse.Namespace(notify=True))
        assert len(notified) == count
    assert "nginx: nginx:1, the one that runs was built 2026-08-01." in notified[0]


def test_what_no_receiver_took_is_notified_again(
    config: Config, registry: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry["nginx:1"] = NEW
    monkeypatch.setattr(notify, "send", lambda *_: False)
    images.main(config, argparse.Namespace(notify=True))
    assert not (config.app / images.NOTIFIED).exists()
    monkeypatch.setattr(notify, "send", lambda *_: True)
    images.main(config, argparse.Namespace(notify=True))
    assert json.loads((config.app / images.NOTIFIED).read_text()) == {"nginx": NEW}


def test_no_one_is_notified_unasked(config: Config, registry: dict[str, str], notified: list[str]) -> None:
    registry["nginx:1"] = NEW
    images.main(config, argparse.Namespace(notify=False))
    assert notified == []
