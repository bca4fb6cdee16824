"""Which commit an operator means, asked of real git repositories."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.commands import git as commands
from fleet.errors import OperatorError
from fleet.git import repository
from fleet.git.repository import Repository, chosen


@pytest.fixture(autouse=True)
def _own_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("AIPBX_SSH_CONFIG", raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")


def git(folder: Path, *words: str) -> str:
    named = ["-c", "user.name=Anna", "-c", "user.email=anna@example.org"]
    done = subprocess.run(["git", "-C", folder, *named, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, subject: str) -> str:
    git(folder, "commit", "-q", "--allow-empty", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


def made(tmp_path: Path, service: str) -> tuple[Path, Repository]:
    """A repository with one commit on master, and what the operator's machine knows of it."""
    folder = tmp_path / f"{service} of the team"
    subprocess.run(["git", "init", "-q", "-b", "master", folder], check=True)
    commit(folder, f"first of the {service}")
    return folder, Repository(service, str(folder), "master")


@pytest.fixture
def backend(tmp_path: Path) -> tuple[Path, Repository]:
    return made(tmp_path, "backend")


@pytest.fixture
def frontend(tmp_path: Path) -> tuple[Path, Repository]:
    return made(tmp_path, "frontend")


def refusal(repositories: list[Repository], *shas: str) -> str:
    with pytest.raises(OperatorError) as refused:
        chosen(repositories, list(shas))
    return str(refused.value)


def test_a_new_commit_is_there_after_a_refresh(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    known.refresh()
    first = known.head()
    second = commit(folder, "second")
    assert known.find(second) is None
    known.refresh()
    assert known.head() == second
    assert [line.partition(" ")[2] for line in known.between(first, second)] == ["second"]
    assert known.between("f" * 40, second) == []


def test_several_runs_of_one_machine_may_bring_it_up_to_date_at_once(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    for rewritten in range(2):
        for number in range(20):
            git(folder, "branch", "-f", f"branch-{number}", commit(folder, f"{rewritten} {number}"))
        with ThreadPoolExecutor(8) as pool:
            for refreshed in [pool.submit(known.refresh) for _ in range(8)]:
                refreshed.result()
        assert known.head() == git(folder, "rev-parse", "HEAD")


def test_a_run_that_holds_it_for_too_long_is_named(
    backend: tuple[Path, Repository], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = backend[1]
    known.refresh()
    monkeypatch.setattr(repository, "FETCH_SECONDS", 0)
    with known._alone(), pytest.raises(OperatorError, match="is in use") as refused:
        known.refresh()
    assert "Another run has been" in refused.value.why


def test_a_commit_is_meant_by_its_beginning(
    backend: tuple[Path, Repository], frontend: tuple[Path, Repository]
) -> None:
    both = [backend[1], frontend[1]]
    for known in both:
        known.refresh()
    theirs = {known.service: known.head() for known in both}
    assert chosen(both, [f" {theirs['frontend'][:12].upper()} "]) == {"frontend": theirs["frontend"]}
    assert chosen(both, [theirs["backend"], theirs["frontend"], theirs["backend"][:10]]) == theirs
    assert chosen(both, []) == {}


@pytest.mark.parametrize("sha", ["", "abc", "master", "HEAD~1", "--all", "a" * 41, "abcd; reboot"])
def test_what_is_no_sha(sha: str, backend: tuple[Path, Repository]) -> None:
    assert f"{sha.lower()!r} is not a git SHA." in refusal([backend[1]], sha)


def test_unknown(backend: tuple[Path, Repository], frontend: tuple[Path, Repository]) -> None:
    both = [backend[1], frontend[1]]
    for known in both:
        known.refresh()
    for sha in ("f" * 40, "ffffffff"):
        assert f"{sha} is unknown.\n    why: No commit of the backend and frontend begins so" in refusal(both, sha)


def test_a_tree_is_no_commit(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    known.refresh()
    assert "is unknown" in refusal([known], git(folder, "rev-parse", "HEAD^{tree}"))


def test_ambiguous_within_a_repository(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    same = alike(folder, 4)
    known.refresh()
    told = refusal([known], same[0][:4])
    assert f"{same[0][:4]} is ambiguous: 2 commits of the backend begin so." in told
    assert all(name[:12] in told for name in same)
    assert chosen([known], [same[0]]) == {"backend": same[0]}


def alike(folder: Path, digits: int) -> list[str]:
    """Two commits of master whose SHAs begin alike: made in one go, until there are such."""
    lines = [git(folder, "rev-parse", "HEAD")]
    stream = [f"commit refs/heads/master\nmark :1\ncommitter a <a@b> 1790000000 +0000\ndata 1\nx\nfrom {lines[0]}\n"]
    stream += [
        f"commit refs/heads/master\nmark :{number}\ncommitter a <a@b> {1790000000 + number} +0000\ndata 1\nx\n"
        for number in range(2, 1500)
    ]
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input="".join(stream), text=True, check=True)
    seen: dict[str, list[str]] = {}
    for name in git(folder, "rev-list", "master").splitlines():
        seen.setdefault(name[:digits], []).append(name)
    return next(names for names in seen.values() if len(names) == 2)


def test_both_repositories_have_it(backend: tuple[Path, Repository], tmp_path: Path) -> None:
    folder, known = backend
    twin = Repository("frontend", f"file://{folder}", "master")
    for each in (known, twin):
        each.refresh()
    name = known.head()
    told = refusal([known, twin], name[:8])
    assert f"{name[:8]} is ambiguous: the backend and the frontend both have such a commit." in told
    assert f"backend {name[:12]}, frontend {name[:12]}" in told
    assert chosen([twin], [name]) == {"frontend": name}


def test_two_of_one_service(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    first, second = git(folder, "rev-parse", "HEAD"), commit(folder, "second")
    known.refresh()
    assert "Two different commits of the backend were given." in refusal([known], first, second)


def test_on_another_branch(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    git(folder, "checkout", "-q", "-b", "feature/x")
    name = commit(folder, "not yet")
    known.refresh()
    told = refusal([known], name)
    assert f"{name[:12]} of the backend is not on branch 'master'." in told
    assert "It is on feature/x." in told
    assert chosen([Repository("backend", known.url, "feature/x")], [name]) == {"backend": name}


def test_a_branch_that_was_rewritten(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    old = commit(folder, "old")
    known.refresh()
    git(folder, "reset", "-q", "--hard", "HEAD~1")
    new = commit(folder, "new")
    known.refresh()
    assert known.head() == new
    assert "It is no longer on any branch." in refusal([known], old)


def test_a_branch_that_was_removed(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    git(folder, "branch", "topic")
    topic = Repository("backend", known.url, "topic")
    topic.refresh()
    assert topic.head() == git(folder, "rev-parse", "HEAD")
    git(folder, "branch", "-D", "topic")
    topic.refresh()
    with pytest.raises(OperatorError, match="has no branch 'topic'"):
        topic.head()


def test_unreachable(tmp_path: Path) -> None:
    known = Repository("backend", str(tmp_path / "missing"), "master")
    with pytest.raises(OperatorError) as refused:
        known.refresh()
    assert refused.value.what == f"The backend's repository cannot be read: {tmp_path}/missing"
    assert "does not exist" in refused.value.why
    assert f"git ls-remote {tmp_path}/missing" in refused.value.do


def test_it_went_away_later(backend: tuple[Path, Repository], tmp_path: Path) -> None:
    folder, known = backend
    known.refresh()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(OperatorError, match="cannot be read"):
        known.refresh()


def test_the_same_url_through_another_ssh_config_is_another_copy(
    backend: tuple[Path, Repository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = backend[1]
    before = known.folder
    assert "GIT_SSH_COMMAND" not in repository.environment()
    (tmp_path / "ssh config").touch()
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh config"))
    assert known.folder != before
    assert before.parent == known.folder.parent == tmp_path / "cache" / "aipbx-fleet"
    assert repository.environment()["GIT_SSH_COMMAND"].startswith(f"ssh -F '{tmp_path}/ssh config' -o BatchMode=yes")
    assert repository.environment()["GIT_TERMINAL_PROMPT"] == "0"


def test_a_subject_is_one_line_whatever_its_encoding(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    sha = commit(folder, "[deploy:1] Login\n\nWhy it was broken.")
    raw = git(folder, "rev-parse", "HEAD^{tree}")
    person = "Anna <anna@example.org> 1767225600 +0000"
    text = f"tree {raw}\nparent {sha}\nauthor {person}\ncommitter {person}\n\n".encode() + b"caf\xe9 \x1b[31m\n"
    words = ["git", "-C", str(folder), "hash-object", "-t", "commit", "-w", "--stdin"]
    odd = subprocess.run(words, input=text, capture_output=True, check=True).stdout.decode().strip()
    git(folder, "update-ref", "refs/heads/master", odd)
    known.refresh()
    assert known.subject(sha) == "[deploy:1] Login"
    assert known.subject(odd) == "caf� [31m"
    assert known.between(sha, odd) == [f"{odd[:7]} caf� [31m"]
    assert known.subject("0" * 40) == ""


def test_files_that_are_kept_elsewhere_are_named_before_a_build(backend: tuple[Path, Repository]) -> None:
    folder, known = backend
    whole = git(folder, "rev-parse", "HEAD")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{whole},vendored/library")
    with_submodule = commit(folder, "A library")
    git(folder, "rm", "-q", "--cached", "vendored/library")
    (folder / "models").mkdir()
    (folder / "models" / ".gitattributes").write_text("*.onnx filter=lfs diff=lfs\n")
    git(folder, "add", "models")
    with_pointers = commit(folder, "Models")
    known.refresh()
    known.refuse_incomplete(whole)
    with pytest.raises(OperatorError, match=r"submodules(.|\n)*vendored/library"):
        known.refuse_incomplete(with_submodule)
    with pytest.raises(OperatorError, match=r"LFS(.|\n)*models/\.gitattributes"):
        known.refuse_incomplete(with_pointers)


def test_a_build_gets_every_file_as_it_is_whatever_an_operator_s_git_does(
    backend: tuple[Path, Repository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, known = backend
    (folder / "test").mkdir()
    contents = {"start.sh": b"#!/bin/sh\nexec node\n", "test/a.txt": b"t\n", "version.txt": b"$Format:%H$ $Id$\n"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / ".gitattributes").write_text("test export-ignore\nversion.txt export-subst ident\n*.sh text eol=crlf\n")
    git(folder, "add", "-A")
    sha = commit(folder, "A release")
    (tmp_path / "attributes").write_text("* text=auto\n")
    own = tmp_path / "gitconfig"
    own.write_text(f"[core]\n\tautocrlf = true\n\teol = crlf\n\tattributesFile = {tmp_path}/attributes\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    known.refresh()
    archive = subprocess.run(commands.archive(known.folder, sha), capture_output=True, check=True).stdout
    (tmp_path / "source").mkdir()
    subprocess.run(["tar", "-x", "-C", tmp_path / "source"], input=archive, check=True)
    assert {name: (tmp_path / "source" / name).read_bytes() for name in contents} == contents
