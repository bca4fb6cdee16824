"""PostgreSQL's archive_command: a segment is kept once and whole, and nothing it does stops the database."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.checkout import ROOT

SCRIPT = ROOT / "files" / "postgres" / "archive.sh"
NAME = "000000010000000000000007"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a segment, beside a folder for it."""
    (tmp_path / "data" / "pg_wal" / "archive_status").mkdir(parents=True)
    (tmp_path / "spool").mkdir()
    (tmp_path / "data" / "pg_wal" / NAME).write_bytes(b"log")
    return tmp_path / "data"


def archived(
    data: Path, *, most: int = 64, spare: int = 1, spool: str = "spool", programs: str = ""
) -> tuple[int, str]:
    done = subprocess.run(
        ["/bin/sh", SCRIPT, f"pg_wal/{NAME}", NAME, str(most), str(spare)],
        cwd=data,
        env={**os.environ, "PATH": programs or os.environ["PATH"], "AIPBX_SPOOL": str(data.parent / spool)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    return done.returncode, done.stderr


def waits(data: Path, segments: int) -> None:
    for number in range(segments):
        (data / "pg_wal" / "archive_status" / f"{number}.ready").touch()


@pytest.fixture
def no_zstd(tmp_path: Path) -> str:
    """A PATH with all that an image has but zstd."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("awk", "cmp", "cp", "df", "find", "grep", "mv", "sh", "sync"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    return str(programs)


def test_a_segment_is_packed_and_the_same_again_is_well(data: Path) -> None:
    for _ in range(2):
        assert archived(data) == (0, "")
    (kept,) = (data.parent / "spool").iterdir()
    assert kept.name == NAME
    unpacked = subprocess.run(["zstd", "-dc", kept], capture_output=True, check=True, timeout=20).stdout
    assert unpacked == b"log"
    assert kept.stat().st_mtime_ns == (data / "pg_wal" / NAME).stat().st_mtime_ns


def test_an_image_without_zstd_copies_it(data: Path, no_zstd: str) -> None:
    for _ in range(2):
        assert archived(data, programs=no_zstd) == (0, "")
    kept = data.parent / "spool" / NAME
    assert kept.read_bytes() == b"log"
    assert kept.stat().st_mtime_ns == (data / "pg_wal" / NAME).stat().st_mtime_ns
    assert archived(data) == (0, ""), "and one that has it since sees that it is the same"


def test_a_packed_one_is_another_to_an_image_without_zstd(data: Path, no_zstd: str) -> None:
    assert archived(data) == (0, "")
    code, said = archived(data, programs=no_zstd)
    assert (code, "has another" in said) == (1, True)


def test_another_one_of_that_name_is_never_overwritten(data: Path) -> None:
    (data.parent / "spool" / NAME).write_bytes(b"other")
    code, said = archived(data)
    assert (code, "has another" in said) == (1, True)
    assert (data.parent / "spool" / NAME).read_bytes() == b"other"


@pytest.mark.parametrize("why", ["nobody takes", "no folder", "another"])
def test_what_cannot_be_kept_waits_until_too_much_waits(data: Path, why: str) -> None:
    spool, most = "spool", 64
    if why == "nobody takes":
        for number in range(4):
            (data.parent / "spool" / f"{NAME[:-1]}{number}").touch()
    elif why == "no folder":
        spool = "none"
    else:
        (data.parent / "spool" / NAME).write_bytes(b"other")
    waits(data, 4)
    assert archived(data, most=most, spool=spool)[0] == 1
    waits(data, 5)
    code, said = archived(data, most=most, spool=spool)
    assert (code, "IS GIVEN UP" in said) == (0, True)


def test_a_disk_that_is_about_to_be_full_gets_nothing_and_keeps_nothing_waiting(data: Path) -> None:
    code, said = archived(data, spare=10**9)
    assert (code, "IS GIVEN UP" in said) == (0, True)
    assert list((data.parent / "spool").iterdir()) == []
