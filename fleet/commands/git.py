"""git, on the operator's machine."""

from __future__ import annotations

from pathlib import Path


def clone(url: str, folder: Path) -> list[str]:
    """Return the command that makes a bare copy of a repository."""
    return ["git", "clone", "--quiet", "--bare", "--", url, str(folder)]


def fetch(folder: Path) -> list[str]:
    """Return the command that brings a bare copy up to date, also with branches that were rewritten or removed."""
    return [*_git(folder), "fetch", "--quiet", "--prune", "--tags", "origin", "+refs/heads/*:refs/heads/*"]


def candidates(folder: Path, prefix: str) -> list[str]:
    """Return the command that lists the objects whose SHA begins with `prefix`."""
    return [*_git(folder), "rev-parse", f"--disambiguate={prefix}"]


def kind(folder: Path, sha: str) -> list[str]:
    """Return the command that says what an object is: commit, tree, blob or tag."""
    return [*_git(folder), "cat-file", "-t", sha]


def head(folder: Path, branch: str) -> list[str]:
    """Return the command that prints a branch's newest commit."""
    return [*_git(folder), "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}"]


def on_branch(folder: Path, sha: str, branch: str) -> list[str]:
    """Return the command that succeeds when a commit is part of a branch."""
    return [*_git(folder), "merge-base", "--is-ancestor", sha, f"refs/heads/{branch}"]


def branches_with(folder: Path, sha: str) -> list[str]:
    """Return the command that names the branches that hold a commit."""
    return [*_git(folder), "branch", "--format=%(refname:short)", "--contains", sha]


def between(folder: Path, older: str, newer: str) -> list[str]:
    """Return the command that lists the commits after `older` up to `newer`, newest first: SHA and subject."""
    return [*_git(folder), "log", "--format=%h %s", f"{older}..{newer}"]


def subject(folder: Path, sha: str) -> list[str]:
    """Return the command that prints the subject of a commit."""
    return [*_git(folder), "log", "--max-count=1", "--format=%s", sha]


def message(folder: Path, sha: str) -> list[str]:
    """Return the command that prints the whole message of a commit."""
    return [*_git(folder), "log", "--max-count=1", "--format=%B", sha]


def archive(folder: Path, sha: str) -> list[str]:
    """Return the command that writes the files of a commit as a tar archive to standard output; others may read them.

    Whoever has their own git write Windows' ends of lines would send scripts that no Linux starts.
    """
    ours = ("tar.umask=0022", "core.autocrlf=false", "core.eol=lf", "core.attributesFile=/dev/null")
    return [*_git(folder), *(word for each in ours for word in ("-c", each)), "archive", "--format=tar", sha]


def tree(folder: Path, sha: str) -> list[str]:
    """Return the command that lists all that a commit holds, each ended by NUL: mode, kind, SHA, tab, path."""
    return [*_git(folder), "ls-tree", "-r", "-z", sha]


def filtered(folder: Path, sha: str) -> list[str]:
    """Return the command that names the files of a commit that say which of its files LFS keeps, each after `SHA:`."""
    return [*_git(folder), "grep", "--name-only", "filter=lfs", sha, "--", ":(glob)**/.gitattributes"]


def ancestor(folder: Path, older: str, newer: str) -> list[str]:
    """Return the command that succeeds when a commit is part of the history of another, or is the same."""
    return [*_git(folder), "merge-base", "--is-ancestor", older, newer]


def listed(folder: Path, sha: str, path: str) -> list[str]:
    """Return the command that lists what a folder of a commit holds, each ended by NUL: mode, kind, SHA, tab, path."""
    return [*_git(folder), "ls-tree", "-z", sha, "--", f"{path}/"]


def file(folder: Path, sha: str, path: str) -> list[str]:
    """Return the command that prints a file of a commit."""
    return [*_git(folder), "cat-file", "blob", f"{sha}:{path}"]


def content(folder: Path, blob: str) -> list[str]:
    """Return the command that prints a file's content by its own SHA."""
    return [*_git(folder), "cat-file", "blob", blob]


def _git(folder: Path) -> list[str]:
    return ["git", "--git-dir", str(folder)]
