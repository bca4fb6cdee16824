"""Which commit `inv lab.application` takes, and what it refuses before it touches anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.app import history
from lab.ci import application, build
from lab.errors import LabError
from lab.topology import Lab

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *IDENTITY, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(repository: Path, *names: str) -> str:
    for name in names:
        (repository / name).write_text("{}")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "one")
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Someone's repository: a branch of another name is checked out."""
    folder = tmp_path / "own"
    subprocess.run(["git", "init", "-q", "--initial-branch=main", str(folder)], check=True)
    commit(folder, "package.json", "package-lock.json")
    return folder


def test_without_a_revision_it_takes_what_is_checked_out(own: Path) -> None:
    head = git(own, "rev-parse", "HEAD")
    for given in (str(own), f"file://{own}", f"{own}#main", f"{own}#{head[:8]}"):
        assert application.read("backend", given) == application.Source("backend", own, head)


def test_a_branch_a_tag_or_a_commit_may_be_named(own: Path) -> None:
    first = git(own, "rev-parse", "HEAD")
    git(own, "tag", "v1")
    git(own, "checkout", "--quiet", "-b", "feature/x")
    second = commit(own, "more")
    assert application.read("frontend", f"{own}#v1").sha == first
    assert application.read("frontend", f"{own}#feature/x").sha == second


def test_what_cannot_be_built_is_refused(own: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    commit(own, "more")
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{own}", str(shallow)], check=True)
    (own / "folder").mkdir()
    git(own, "checkout", "--quiet", "--orphan", "other")
    git(own, "rm", "--quiet", "-r", "--cached", ".")
    (own / "package-lock.json").unlink()
    commit(own, "package.json")
    for given, message in (
        ("", "--backend is empty"),
        ("#main", "--backend is empty"),
        ("/nowhere", "there is no such folder"),
        ("https://github.com/krasterisk/aiPBX", "only repositories on this machine"),
        (str(tmp_path), "not a git repository"),
        (str(own / "folder"), "a folder inside another repository"),
        (str(shallow), "git -C .* fetch --unshallow"),
        (f"{own}#nothing", "no commit 'nothing'"),
        (f"{own}#--all", "no commit '--all'"),
        (f"{own}#other", "has no package-lock.json"),
    ):
        with pytest.raises(LabError, match=message):
            application.read("backend", given)


def test_the_copy_has_one_branch_and_its_history(own: Path, tmp_path: Path) -> None:
    second = commit(own, "more")
    git(own, "checkout", "--quiet", "-b", "feature/x")
    commit(own, "not wanted")
    source = application.read("backend", f"{own}#main")
    for _ in range(2):
        made = application.copy(source, tmp_path / "copies")
    assert made == tmp_path / "copies" / "krasterisk" / "aiPBX_backend.git"
    assert git(made, "for-each-ref", "--format=%(refname) %(objectname)") == f"refs/heads/master {second}"
    assert git(made, "rev-list", "--count", "master") == "2"


def test_a_repository_that_lacks_something_is_refused(own: Path, tmp_path: Path) -> None:
    source = application.read("backend", str(own))
    blob = git(own, "rev-parse", "HEAD:package.json")
    (own / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(LabError, match="cannot be copied"):
        application.copy(source, tmp_path / "copies")


def test_only_the_stand_in_is_built_without_ffmpeg_and_a_browser(own: Path, tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    stand_in = history.make(lab.directory / "repositories")[application.GITHUB["frontend"]]
    changed = tmp_path / "changed"
    subprocess.run(["git", "clone", "-q", str(stand_in), str(changed)], check=True)
    commit(changed, "more")
    assert application.arguments(lab, application.read("frontend", str(changed))) == build.ARGUMENTS["frontend"]
    assert application.arguments(lab, application.read("frontend", str(own))) == {}
