"""Which files of a commit are migrations, asked of a real git repository."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from fleet.errors import OperatorError
from fleet.migrations import files

if TYPE_CHECKING:
    from fleet.git.repository import Repository


def commit(folder: Path, contents: dict[str, bytes]) -> Repository:
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    git = ["git", "-C", str(folder), "-c", "user.name=Anna", "-c", "user.email=anna@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "master", str(folder)], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    return cast("Repository", SimpleNamespace(folder=folder / ".git"))


def test_dated_files_in_their_order_byte_for_byte(tmp_path: Path) -> None:
    names = ["2026-10-01-b.sql", "2026-02-26-a.sql", "2026-02-26-Счёт 1.sql"]
    there = {f"migrations/postgres/{name}": f"-- {name}\r\n;\n".encode() for name in names}
    more = ["add-x.sql", "2026-13-01-x.sql", "2026-02-30-x.sql", "2026-02-26.sql", "20260226-x.sql"]
    there |= {f"migrations/postgres/{name}": b"-- no" for name in more}
    there |= {
        f"migrations/{path}": b"-- no"
        for path in ("postgres/README.md", "postgres/old/2026-01-01-x.sql", "2026-01-01-x.sql")
    }
    found = files.of(commit(tmp_path, there), "HEAD", "postgres")
    assert list(found.dated) == ["2026-02-26-a.sql", "2026-02-26-Счёт 1.sql", "2026-10-01-b.sql"]
    assert found.dated["2026-10-01-b.sql"] == "-- 2026-10-01-b.sql\r\n;\n"
    assert found.passed_over == sorted(more)
    assert files.of(commit(tmp_path, {}), "HEAD", "mysql") == files.Files("HEAD")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    repository = commit(tmp_path, {"migrations/postgres/2026-02-26-a.sql": b"-- \xff"})
    with pytest.raises(OperatorError, match=r"2026-02-26-a\.sql of HEAD is not UTF-8 text"):
        files.of(repository, "HEAD", "postgres")


def test_a_commit_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read"):
        files.of(commit(tmp_path, {}), "beef", "postgres")
