"""Migrations as the backend's repository has them at a commit."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from fleet.commands import git
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from fleet.git.repository import Repository

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})-[^/]+\.sql")
READ_SECONDS = 60


@dataclass(frozen=True)
class Files:
    """The files of one dialect.

    Attributes:
        sha: the commit.
        dated: content by name, in the order in which they run.
        passed_over: files of SQL without a date, which nothing runs.
    """

    sha: str
    dated: dict[str, str] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)


def has_date(name: str) -> bool:
    """Return whether a file's name begins with a date that there is, `2026-02-26-`."""
    match = _DATED.fullmatch(name)
    try:
        return bool(match and date.fromisoformat(match[1]))
    except ValueError:
        return False


def of(repository: Repository, sha: str, dialect: str) -> Files:
    """Return the migrations of a commit.

    Args:
        repository: the backend's, refreshed.
        sha: the commit.
        dialect: postgres or mysql.

    Raises:
        OperatorError: a file is no text.
    """
    listed = _run(git.listed(repository.folder, sha, f"migrations/{dialect}")).decode("utf-8", "surrogateescape")
    files = Files(sha)
    for line in sorted(listed.split("\0"), key=lambda line: line.rpartition("/")[2]):
        what, _, path = line.partition("\t")
        name = path.rpartition("/")[2]
        if not name.endswith(".sql") or " blob " not in what:
            continue
        if not has_date(name):
            files.passed_over.append(name)
            continue
        try:
            files.dated[name] = _run(git.content(repository.folder, what.split()[2])).decode()
        except UnicodeDecodeError as problem:
            raise OperatorError(
                f"Migration {name} of {sha[:12]} is not UTF-8 text.",
                str(problem),
                "Save it as UTF-8, and commit it.",
            ) from None
    return files


def _run(command: list[str]) -> bytes:
    # Bytes: a line's end is part of what a checksum says.
    result = subprocess.run(command, capture_output=True, timeout=READ_SECONDS, check=False)
    if result.returncode != 0:
        raise OperatorError(
            "The backend's migrations cannot be read.",
            " / ".join(result.stderr.decode(errors="replace").strip().splitlines()[-2:]) or "git printed no message.",
            "Has the commit been pushed? Try `git ls-tree` in a clone of it.",
        )
    return result.stdout
