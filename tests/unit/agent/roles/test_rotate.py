"""The host's steps of a rotation: who gets in meanwhile, and where the password goes."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.contract import ROTATION_MARK
from aipbx_agent.core.config import Config
from aipbx_agent.roles import access_rules, declare, rotate
from tests.unit.shell import stub

RULES = "local all all trust\nhost all all all scram-sha-256\n"
LINE = f'host "aipbx" "o""b" 10.0.0.7/32 trust {ROTATION_MARK}\n'
DOCKER = """echo "$@" >>{folder}/words
case "$1 $*" in
ps*blue*) echo b1 ;;
inspect*State*) echo '{{"Running": true}}' ;;
inspect*Env*) echo '["A=b", "DB_PASS=s$cret"]' ;;
inspect*Networks*) echo 10.0.0.7 ;;
exec*) cat >{folder}/stdin; exit 2 ;;
esac"""


class Rules:
    """The server's rules for logins."""

    text = RULES

    def write(self, _: Any, path: str, text: str) -> None:
        assert path == "/hba"
        self.text = text


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rules:
    rules = Rules()
    server = SimpleNamespace(psql=lambda _: ["/hba"], container="pg")
    monkeypatch.setattr(declare, "live", lambda _: server)
    monkeypatch.setattr(access_rules, "read", lambda *_: rules.text)
    monkeypatch.setattr(access_rules, "write", rules.write)
    stub(tmp_path, "docker", DOCKER.format(folder=tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return rules


def step(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **request: Any) -> Any:
    variables = {"DB_NAME": "aipbx", "DB_USER": 'o"b'}
    config = Config({"app_dir": "/none", "host": "h", "compose_project": "aipbx"}, {"backend": variables}, {})
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"step": name, **request})))
    rotate.main(config, argparse.Namespace())
    return json.loads(capsys.readouterr().out)


def test_an_address_is_let_in_once_and_then_no_more(
    rules: Rules, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        step("let in", monkeypatch, capsys, addresses=["10.0.0.7"])
        assert rules.text == LINE + RULES
    assert step("look", monkeypatch, capsys) == {
        "under_way": True,
        "backends": [{"addresses": ["10.0.0.7"], "password": "s$cret"}],
    }
    step("shut out", monkeypatch, capsys)
    assert rules.text == RULES
    assert not step("look", monkeypatch, capsys)["under_way"]


def test_without_a_backend_only_the_mark_is_there(
    rules: Rules, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step("let in", monkeypatch, capsys, addresses=[])
    assert rules.text == f"{ROTATION_MARK}\n{RULES}"
    assert step("look", monkeypatch, capsys)["under_way"]


@pytest.mark.usefixtures("rules")
def test_a_password_is_tried_over_the_network_and_is_on_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert step("login", monkeypatch, capsys, password="s$cret") == {"opens": False}  # noqa: S106
    assert (tmp_path / "stdin").read_text() == "s$cret\n"
    assert "s$cret" not in (tmp_path / "words").read_text()
