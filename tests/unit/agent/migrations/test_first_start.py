"""The application's first start: a backend that reaches its database and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.core import compose, docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.migrations import first_start
from aipbx_agent.restore import trial_backend

STACK: dict[str, Any] = {
    "services": {
        "backend": {
            "image": "b:new",
            "environment": {"DB_NAME": "x", "DB_HOST": "postgres"},
            "volumes": ["v"],
            "ports": ["1"],
            "networks": {"data": None, "outside": None},
            "depends_on": {"postgres": {}},
        }
    },
    "networks": {"data": {"name": "aipbx_agent"}, "outside": {"name": "aipbx_outside"}},
}


def test_it_has_no_volume_no_port_and_no_way_out() -> None:
    made = first_start.declaration(STACK, "aipbx-first-start", "live")
    assert made["networks"] == {"data": {"name": "aipbx_agent", "external": True}}
    backend = made["services"]["backend"]
    assert (backend["networks"], backend["environment"]["DB_NAME"], backend["restart"]) == (["data"], "live", "no")
    assert not backend.keys() & {"volumes", "ports", "depends_on"}


def test_it_is_gone_whatever_became_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []

    def seen(what: str, answer: Any) -> Any:
        did.append(what)
        return answer

    def never(*_: object) -> None:
        raise Failed("The application's first start is not ready.", "x", "y")

    (tmp_path / "images.env.staged").touch()
    monkeypatch.setattr(trial_backend, "stack", lambda _, images: seen(images, STACK))
    monkeypatch.setattr(compose, "run", lambda words, **_: seen(words[1], b""))
    monkeypatch.setattr(docker, "container", lambda *_, **__: "id")
    monkeypatch.setattr(docker, "wait_healthy", never)
    monkeypatch.setattr(first_start, "clear", lambda _: did.append("clear"))
    raw = {"app_dir": str(tmp_path), "compose_project": "aipbx", "ready_seconds": 1}
    with pytest.raises(Failed):
        first_start.make_tables(Config(raw, {"backend": {"DB_NAME": "live"}}, {}))
    assert did == ["clear", "images.env.staged", "aipbx-first-start", "clear"]
