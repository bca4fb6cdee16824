"""A volume out of a set: counted as its manifest counts it, on the disk or on the way to nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aipbx_agent.backup import unpack, volumes
from aipbx_agent.core.errors import Failed


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    live = tmp_path / "volume" / "_data"
    (live / "org documents" / "счёт").mkdir(parents=True)
    (live / "org documents" / "счёт" / "7.pdf").write_bytes(b"x" * 70000)
    (live / "empty").mkdir()
    (live / "a link").symlink_to("org documents")
    os.link(live / "org documents" / "счёт" / "7.pdf", live / "again")
    live.chmod(0o751)
    held = volumes.Held("static", live, tmp_path / "links")
    held.hold()
    (tmp_path / "told").write_text(repr(held.pack(tmp_path / "volume.tar.zst")))
    return tmp_path


def test_both_ways_count_what_the_set_says(packed: Path) -> None:
    told = eval((packed / "told").read_text())  # noqa: S307 - our own
    like = packed / "volume" / "_data"
    new = like.with_name("new")
    for found in (
        unpack.unpack(packed / "volume.tar.zst", new, like),
        unpack.read_through(packed / "volume.tar.zst"),
    ):
        assert unpack.same(told, found), (told, found)
    assert (new / "org documents" / "счёт" / "7.pdf").read_bytes() == b"x" * 70000
    assert (new / "again").stat().st_nlink == 2
    assert (new / "empty").is_dir()
    assert new.stat().st_mode & 0o777 == 0o751


def test_a_lost_or_a_cut_file_is_seen() -> None:
    whole = {"files": 2, "bytes": 10, "changed": 0}
    assert unpack.same(whole, {"files": 2, "bytes": 10})
    assert not unpack.same(whole, {"files": 1, "bytes": 10})
    assert not unpack.same(whole, {"files": 2, "bytes": 9})
    assert unpack.same({**whole, "changed": 1}, {"files": 2, "bytes": 9})
    assert not unpack.same({**whole, "changed": 1}, {"files": 1, "bytes": 9})


@pytest.mark.parametrize(("begin", "end"), [(0, -20), (0, 0), (9, None)])
def test_what_is_damaged_is_not_counted(packed: Path, begin: int, end: int | None) -> None:
    path = packed / "volume.tar.zst"
    path.write_bytes(path.read_bytes()[begin:end])
    with pytest.raises(Failed, match="cannot be unpacked"):
        unpack.read_through(path)
    with pytest.raises(Failed):
        unpack.unpack(path, packed / "new", packed)
