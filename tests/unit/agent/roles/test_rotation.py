"""What a rotation that was cut off left open is closed: by the password of the backend that serves."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.contract import ROTATION_MARK
from aipbx_agent.core.config import Config
from aipbx_agent.release.containers import colours
from aipbx_agent.roles import access_rules, declare, rotation

OPEN = f'host "aipbx" "role" 10.0.0.7/32 trust {ROTATION_MARK}'
RULES = "local all all trust\nhost all all all scram-sha-256\n"


class World:
    """A host after a rotation was cut off."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: str) -> None:
        self.rules, self.role = rules, ""
        variables = {"DB_NAME": "aipbx", "DB_USER": "role", "DB_PASS": "new"}
        text = {"services": {"backend": {"environment": variables}}}
        self.file = tmp_path / "environment.json"
        self.file.write_text(json.dumps(text))
        self.config = Config({"app_dir": str(tmp_path), "host": "h"}, {"backend": variables}, {})
        self.asked: list[str] = []
        server = SimpleNamespace(psql=self.psql)
        monkeypatch.setattr(declare, "live", lambda _: server)
        monkeypatch.setattr(declare, "set_password", self.set_password)
        monkeypatch.setattr(colours, "active", lambda *_: "backend-blue")
        monkeypatch.setattr(colours, "present", lambda *_: "abc")
        monkeypatch.setattr(rotation, "run", lambda *_, **__: b'["A=b", "DB_PASS=o$d=1"]')
        monkeypatch.setattr(access_rules, "read", lambda *_: self.rules)
        monkeypatch.setattr(access_rules, "write", self.write)

    def psql(self, sql: str) -> list[str]:
        self.asked.append(sql)
        return ["/hba"]

    def set_password(self, _: Any, role: str, password: str) -> None:
        assert role == "role"
        self.role = password

    def write(self, _: Any, __: str, text: str) -> None:
        assert self.role, "what runs would be locked out"
        self.rules = text


def test_running_backends_log_in_with_their_password_and_no_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, f"{OPEN}\n{RULES}")
    assert rotation.close(world.config)
    assert world.role == "o$d=1"
    assert world.rules == f"{ROTATION_MARK}\n{RULES}", "the next rotation finds that one is unfinished"
    assert '"DB_PASS": "o$$d=1"' in world.file.read_text()
    world.asked.clear()
    assert not rotation.close(world.config)
    assert world.asked[1:] == ["SELECT pg_reload_conf()"], "a kill may have come before the server read them"


def test_rules_without_a_mark_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, monkeypatch, RULES)
    assert not rotation.close(world.config)
    assert world.asked == ["SHOW hba_file"]


def test_one_that_is_under_way_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, monkeypatch, f"{OPEN}\n{RULES}")
    (tmp_path / "lock").mkdir()
    assert not rotation.close(world.config)
    assert not World(tmp_path, monkeypatch, RULES).role
