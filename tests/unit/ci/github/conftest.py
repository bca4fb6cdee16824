"""A stand-in for GitHub, CI's pair of keys, and an operator's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.ci.github import api
from tests.unit.ci.github import stand_in
from tests.unit.ci.github.stand_in import StandIn

REPOSITORIES = ("krasterisk/aiPBX_backend", "krasterisk/aiPBX")


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """GitHub with both repositories, and nothing in them."""
    with stand_in.running() as running:
        running.repositories = {name: {} for name in REPOSITORIES}
        monkeypatch.setattr(api, "ADDRESS", running.address)
        monkeypatch.setenv("GITHUB_TOKEN", stand_in.TOKEN)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the private keys `ci`, `operator` and `other`; the hosts know the first two."""
    operators = tmp_path / "operators"
    (operators / "ci").mkdir(parents=True)
    for name in ("ci", "operator", "other"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", tmp_path / name]
        subprocess.run(words, check=True)
    (tmp_path / "ci.pub").rename(operators / "ci" / "ci.pub")
    (tmp_path / "operator.pub").rename(operators / "anna.pub")
    (tmp_path / "ssh_config").touch(0o600)
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    return tmp_path
