"""A set in one file: what a host's tar writes is read, and anything that only looks like it is refused."""

from __future__ import annotations

import io
import json
import shlex
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aipbx_agent.backup import sets
from fleet.errors import OperatorError
from fleet.transfer import archive
from tests.unit.agent.backup.test_sets import NAME, made
from tests.unit.shell import sh


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    made(tmp_path / "backups")
    folder = sets.folder(tmp_path / "backups")
    path = tmp_path / archive.file_name("aipbx.org", NAME)
    done = sh(f"{shlex.join(archive.command(str(folder), NAME, ['database.dump']))} >{path}")
    assert done.returncode == 0, done.stderr
    return path


def test_the_way_there_and_back(whole: Path) -> None:
    assert whole.name == f"aipbx.org-{NAME}.tar"
    manifest = archive.check(whole)
    assert (manifest["name"], manifest["host"]) == (NAME, "aipbx.org")


def test_a_file_that_has_gone_there_fails(tmp_path: Path) -> None:
    made(tmp_path)
    command = archive.command(str(sets.folder(tmp_path)), NAME, ["database.dump", "volume-x.tar.zst"])
    assert sh(f"{shlex.join(command)} >/dev/null").returncode != 0


def rewritten(path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> None:
    with tarfile.open(path) as old:
        files = {member.name: old.extractfile(member).read() for member in old}  # type: ignore[union-attr]
    with tarfile.open(path, "w") as new:
        for name, content in change(files).items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            new.addfile(about, io.BytesIO(content))


def _manifest(files: dict[str, bytes], /, **values: object) -> dict[str, bytes]:
    return files | {"manifest.json": json.dumps(json.loads(files["manifest.json"]) | values).encode()}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda files: files | {"database.dump": b"PGDMQ"}, "database.dump is not what the host wrote"),
        (lambda files: files | {"database.dump": b"PGDM"}, "database.dump is not what the host wrote"),
        (lambda files: {"manifest.json": files["manifest.json"]}, "database.dump is missing"),
        (lambda files: files | {"../../etc/passwd": b"x"}, "does not belong there"),
        (lambda files: dict(reversed(files.items())), "manifest.json is not the first file"),
        (lambda _: {}, "manifest.json is not the first file"),
        (lambda _: {"manifest.json": b"{"}, "cannot be read"),
        (lambda _: {"manifest.json": b"[]"}, "cannot be read"),
        (lambda files: _manifest(files, name="../x"), "cannot be read"),
        (lambda files: _manifest(files, name=7), "cannot be read"),
        (lambda files: _manifest(files, files={}), "cannot be read"),
        (lambda files: _manifest(files, files={"database.dump": 5}), ""),
        (lambda files: _manifest(files, files=[1]), ""),
    ],
)
def test_what_is_no_whole_set_is_refused(
    whole: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], why: str
) -> None:
    rewritten(whole, change)
    with pytest.raises(OperatorError, match="is not a complete backup set") as refused:
        archive.check(whole)
    assert why in refused.value.why


@pytest.mark.parametrize("length", [0, 100, 512, 1024, 2000])
def test_what_was_cut_off_is_refused(whole: Path, length: int) -> None:
    whole.write_bytes(whole.read_bytes()[:length])
    with pytest.raises(OperatorError, match="is not a complete backup set"):
        archive.check(whole)


@pytest.mark.parametrize("content", [b"", b"\0" * 10240, b"not a tar at all" * 100, b"\x1f\x8b" + b"x" * 1000])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match="is not a complete backup set"):
        archive.check(path)
