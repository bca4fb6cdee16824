"""Makes the application's two git repositories: the same commits, with the same SHAs, every time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lab import process
from lab.app.commits import BACKEND, BRANCH, FRONTEND, Commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE = Path(__file__).parent
REPOSITORIES: Mapping[str, tuple[str, Sequence[Commit]]] = {
    "krasterisk/aiPBX_backend": ("backend", BACKEND),
    "krasterisk/aiPBX": ("frontend", FRONTEND),
}
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")

_PERSON = "Lab <lab@aipbx.test>"
_STARTED = 1_767_225_600  # 2026-01-01 00:00 UTC; one commit an hour from there
_MADE_BY_TOOLS = {"node_modules", "dist", "build", "tts_voices", "org-documents"}
_VERSION_AT_FIRST = b"1.0.0"
# No one's own git settings (signing, templates, hooks) may change what comes out.
_ENVIRONMENT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
_TIMEOUT = 60


def _git(*arguments: str, stdin: bytes = b"") -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _ENVIRONMENT
    do = "read the message: the lab made this call itself"
    return process.run(["git", *arguments], _TIMEOUT, do, stdin=stdin, environment=environment).decode()


def _files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its relative path, without what npm and the builds leave there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not _MADE_BY_TOOLS.intersection(name.parts):
            found[name.as_posix()] = path.read_bytes()
    return found


def _changes(commit: Commit, folder: str, base: Mapping[str, bytes], *, root: Commit | None) -> dict[str, bytes]:
    """Return the files that a commit writes: what names the version, what it comes with, its overlay; at first, all."""
    overlay = _files(HERE / "variants" / folder / commit.overlay) if commit.overlay else {}
    if root is None:
        return {name: content for name, content in base.items() if name not in commit.without} | overlay
    versioned = {
        name: _raised(name, content, commit.version.encode())
        for name, content in base.items()
        if name.startswith(("src/", "package")) and _VERSION_AT_FIRST in content
    }
    return versioned | {name: base[name] for name in root.without} | overlay


def _raised(name: str, content: bytes, version: bytes) -> bytes:
    """Return a file that names the application's version with another: npm's two name their dependencies' as well."""
    times = {"package.json": 1, "package-lock.json": 2}.get(name, -1)
    return content.replace(_VERSION_AT_FIRST, version, times)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _stream(folder: str, commits: Sequence[Commit]) -> Iterator[bytes]:
    """Yield what ``git fast-import`` reads: one process makes a whole repository."""
    base = _files(HERE / folder)
    head = 0
    for mark, commit in enumerate(commits, start=1):
        date = f"{_STARTED + mark * 3600} +0000"
        yield f"commit refs/heads/{commit.branch}\nmark :{mark}\n".encode()
        yield f"author {_PERSON} {date}\ncommitter {_PERSON} {date}\n".encode()
        yield _data(f"{commit.message}\n".encode())
        if head:
            yield f"from :{head}\n".encode()
        for name, content in _changes(commit, folder, base, root=commits[0] if head else None).items():
            yield f"M 100644 inline {name}\n".encode() + _data(content)
        if commit.branch == BRANCH:
            head = mark


def make(folder: Path) -> dict[str, Path]:
    """Make the application's bare repositories, again when they are there already.

    Args:
        folder: Where they go: ``<folder>/krasterisk/aiPBX_backend.git`` and ``<folder>/krasterisk/aiPBX.git``.

    Returns:
        Each repository's path by its name on GitHub.

    Raises:
        LabError: git could not make them.
    """
    made = {}
    for name, (sources, commits) in REPOSITORIES.items():
        repository = folder / f"{name}.git"
        if repository.exists():
            shutil.rmtree(repository)
        repository.parent.mkdir(parents=True, exist_ok=True)
        _git("init", "--quiet", "--bare", "--template=", f"--initial-branch={BRANCH}", str(repository))
        _git("-C", str(repository), "fast-import", "--quiet", stdin=b"".join(_stream(sources, commits)))
        made[name] = repository
    return made


def commits(repository: Path) -> dict[str, str]:
    """Return the full SHA of each commit of a repository by a readable name.

    Args:
        repository: A repository that :func:`make` made.

    Returns:
        ``first``, ``second``, … for master's commits from the oldest on, and every branch's head under its name.
    """
    oldest_first = _git("-C", str(repository), "rev-list", "--reverse", BRANCH).split()
    heads = _git("-C", str(repository), "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
    return dict(zip(ORDINALS, oldest_first, strict=False)) | dict(line.split(" ") for line in heads.splitlines())
