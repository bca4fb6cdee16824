from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from lab.app import history

BACKEND, FRONTEND = "krasterisk/aiPBX_backend", "krasterisk/aiPBX"


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return history.make(tmp_path_factory.mktemp("git"))


def test_the_same_commits_come_out_every_time(
    repositories: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    again = history.make(tmp_path)
    assert {name: history.commits(path) for name, path in again.items()} == {
        name: history.commits(path) for name, path in repositories.items()
    }
    assert history.make(tmp_path) == again


def test_repositories_are_where_github_has_them(repositories: dict[str, Path]) -> None:
    assert {name: path.parts[-2:] for name, path in repositories.items()} == {
        BACKEND: ("krasterisk", "aiPBX_backend.git"),
        FRONTEND: ("krasterisk", "aiPBX.git"),
    }
    for path in repositories.values():
        git(path, "fsck", "--strict")
        assert git(path, "symbolic-ref", "HEAD").strip() == "refs/heads/master"


def test_commits_have_readable_names(repositories: dict[str, Path]) -> None:
    backend, frontend = (history.commits(repositories[name]) for name in (BACKEND, FRONTEND))
    assert list(backend) == [
        *("first", "second", "third", "fourth"),
        *("broken/build", "broken/crash", "broken/dies", "broken/migration", "broken/never-ready"),
        *("feature/other", "master"),
    ]
    assert list(frontend) == ["first", "second", "third", "broken/build", "feature/other", "master"]
    assert (backend["master"], frontend["master"]) == (backend["fourth"], frontend["third"])


@pytest.mark.parametrize("branch", ["broken/build", "broken/crash", "broken/dies", "broken/never-ready"])
def test_a_broken_commit_is_one_step_off_master(repositories: dict[str, Path], branch: str) -> None:
    backend = repositories[BACKEND]
    shas = history.commits(backend)
    assert git(backend, "rev-parse", f"{branch}^").strip() == shas["master"]
    assert shas[branch] not in git(backend, "rev-list", "master")
    changed = git(backend, "diff", "--name-only", "master", branch).split()
    assert "src/version.ts" in changed
    assert len(set(changed) - {"package.json", "package-lock.json"}) == 2


def test_each_release_names_its_version(repositories: dict[str, Path]) -> None:
    expected = {"first": "1.0.0", "second": "1.0.1", "third": "1.0.2", "feature/other": "1.1.0"}
    for name, files in ((BACKEND, ["version.ts"]), (FRONTEND, ["version.js", "chunk.js"])):
        shas = history.commits(repositories[name])
        for commit, version in expected.items():
            assert all(version in git(repositories[name], "show", f"{shas[commit]}:src/{file}") for file in files)


def test_no_release_after_the_first_touches_the_dependencies(repositories: dict[str, Path]) -> None:
    for path in repositories.values():
        shas = history.commits(path)
        changed = git(path, "diff", "--unified=0", "--no-color", shas["first"], shas["feature/other"], "--", "package*")
        lines = {line[1:].strip() for line in changed.splitlines() if line.startswith(("+ ", "- "))}
        assert lines == {'"version": "1.0.0",', '"version": "1.1.0",'}
        assert "node_modules" not in git(path, "ls-tree", "-r", "--name-only", shas["first"])


def test_the_first_frontend_has_no_npmrc_and_all_others_have(repositories: dict[str, Path]) -> None:
    for name, without in ((FRONTEND, {"first"}), (BACKEND, set())):
        shas = history.commits(repositories[name])
        lack = {
            at for at in shas if ".npmrc" not in git(repositories[name], "ls-tree", "--name-only", shas[at]).split()
        }
        assert lack == without


def test_only_dated_migrations_come_with_a_release(repositories: dict[str, Path]) -> None:
    backend = repositories[BACKEND]
    assert git(backend, "diff", "--name-only", "master~2", "master~1", "--", "migrations").split() == [
        "migrations/mysql/2026-09-01-invoices-note.sql",
        "migrations/postgres/2026-09-01-invoices-note.sql",
    ]
    added = git(backend, "diff", "--name-only", "master", "broken/migration", "--", "migrations").split()
    assert added == ["migrations/postgres/2026-09-15-invoices-paid.sql"]


@pytest.mark.parametrize("folder", ["backend", "frontend"])
def test_locked_packages_come_from_the_public_registry(folder: str) -> None:
    lock = json.loads((history.HERE / folder / "package-lock.json").read_text())
    packages = {path.rpartition("node_modules/")[2]: entry for path, entry in lock["packages"].items() if path}
    assert packages
    for name, entry in packages.items():
        assert entry["resolved"].startswith(f"https://registry.npmjs.org/{name}/-/")
