from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import cast

import pytest

from lab.errors import LabError
from lab.machines.machine import Machine
from lab.world import repositories
from lab.world.repositories import ensure_repositories

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


class Console:
    """A world whose console is this machine's shell, with its repositories in a folder."""

    def __init__(self) -> None:
        self.taken = 0

    def run(
        self, command: str, timeout: float = 60, *, stdin: bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        self.taken += stdin is not None
        done = subprocess.run(["sh", "-c", command], input=stdin, capture_output=True, timeout=timeout, check=check)
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | IDENTITY)
    return done.stdout.strip()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A bare repository with one commit on master."""
    folder = tmp_path / "local.git"
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=master", str(folder)], check=True)
    tree = git(folder, "write-tree")
    git(folder, "update-ref", "refs/heads/master", git(folder, "commit-tree", tree, "-m", "one"))
    return folder


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the world keeps the repository a/b."""
    monkeypatch.setattr(repositories, "FOLDER", str(tmp_path / "world"))
    monkeypatch.setattr(repositories, "_AS_GIT", "env")
    (tmp_path / "world" / "a").mkdir(parents=True)
    return tmp_path / "world" / "a" / "b.git"


def test_a_repository_is_taken_once(local: Path, served: Path) -> None:
    console = Console()
    for _ in range(2):
        ensure_repositories(cast("Machine", console), {"a/b": local})
    assert console.taken == 1
    assert git(served, "for-each-ref") == git(local, "for-each-ref")
    assert git(served, "symbolic-ref", "HEAD") == "refs/heads/master"


def test_what_was_pushed_meanwhile_goes(local: Path, served: Path) -> None:
    console = Console()
    ensure_repositories(cast("Machine", console), {"a/b": local})
    git(served, "update-ref", "refs/heads/story", "refs/heads/master")
    ensure_repositories(cast("Machine", console), {"a/b": local})
    assert console.taken == 2
    assert git(served, "for-each-ref", "--format=%(refname)") == "refs/heads/master"


def test_an_empty_repository_is_reported(local: Path, served: Path) -> None:
    git(local, "update-ref", "-d", "refs/heads/master")
    with pytest.raises(LabError, match="git bundle failed"):
        ensure_repositories(cast("Machine", Console()), {"a/b": local})
