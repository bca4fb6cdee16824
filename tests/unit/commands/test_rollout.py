"""What is seen of a host from outside."""

from __future__ import annotations

from pathlib import Path

from fleet.commands import rollout
from tests.unit.shell import sh


def test_a_certificate_is_there_when_nginx_finds_one(tmp_path: Path) -> None:
    command = rollout.has_certificate(str(tmp_path))
    assert sh(command).returncode != 0
    (tmp_path / "tls" / "0123").mkdir(parents=True)
    (tmp_path / "tls" / "current").symlink_to("0123")
    assert sh(command).returncode != 0
    (tmp_path / "tls" / "0123" / "fullchain.pem").touch()
    assert sh(command).returncode == 0
