"""The system's ssh: no questions, known hosts only, the fleet's ssh_config."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet import ssh

ALWAYS = [
    *["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"],
    *["-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"],
]


def test_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIPBX_SSH_CONFIG", raising=False)
    assert ssh.command("aipbx.net", "deploy", "sudo -n true") == [*ALWAYS, "-l", "deploy", "aipbx.net", "sudo -n true"]
    assert ssh.command("aipbx.net", "deploy", "", "-N", "-L", "1:2:3") == [
        *[*ALWAYS, "-l", "deploy", "-N", "-L", "1:2:3", "aipbx.net"]
    ]


def test_the_ssh_config_in_use_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "config"))
    assert ssh.command("aipbx.net", "deploy", "") == [
        *[*ALWAYS, "-F", str(tmp_path / "config"), "-l", "deploy", "aipbx.net"]
    ]
