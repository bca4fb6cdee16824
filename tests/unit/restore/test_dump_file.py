"""A file is recognised here by its first bytes, and named as the operator named it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fleet.errors import OperatorError
from fleet.restore import dump_file
from fleet.restore.dump_file import Archive


def archive(minor: int, *texts: str, kind: int = 1) -> bytes:
    """The head of an archive of pg_dump's."""

    def number(value: int) -> bytes:
        return b"\0" + value.to_bytes(4, "little")

    packing = b"\1" if minor >= 15 else number(6)
    said = b"".join(number(len(text.encode())) + text.encode() for text in texts)
    return b"PGDMP\1" + bytes([minor, 0, 4, 8, kind]) + packing + number(50) * 7 + said + bytes(64)


SIXTEEN = archive(15, "база 1.2", "16.14", "16.14")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (SIXTEEN, Archive("16.14", "16.14", 16)),
        (gzip.compress(SIXTEEN, mtime=0), Archive("16.14", "16.14", 16)),
        (archive(14, "a", "13.4 (Debian 13.4-1)", "14.1"), Archive("13.4 (Debian 13.4-1)", "14.1", 12)),
        (archive(16, "a", "15.4", "17.2"), Archive("15.4", "17.2", 17)),
        (b"-- MariaDB dump 10.19\n", None),
    ],
)
def test_what_hosts_may_read(tmp_path: Path, content: bytes, found: Archive | None) -> None:
    path = tmp_path / "old.dump"
    path.write_bytes(content)
    assert dump_file.read(path) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"toc.dat".ljust(257, b"\0") + b"ustar\0" + b"00", "a tar archive"),
        (b"--\n-- PostgreSQL database dump\n--\n", "SQL"),
        (gzip.compress(b"--\n-- PostgreSQL database dump\n--\n", mtime=0), "SQL"),
        (archive(15, "a", "16", "16", kind=3), "another format"),
        (b"\x28\xb5\x2f\xfd....", "zstd -d"),
        (b"\x1f\x8bbroken", "not a complete gzip file"),
        (b"root:x:0:0:root:/root:/bin/bash\n", "old.dump is not a backup"),
        (b"\0" * 600, "old.dump is not a backup"),
    ],
)
def test_what_none_can_is_refused_with_the_operator_s_own_name_for_it(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "old.dump"
    path.write_bytes(content)
    with pytest.raises(OperatorError) as refused:
        dump_file.read(path)
    assert str(path) in refused.value.what
    assert message in f"{refused.value.what} {refused.value.do}"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "toc.dat").touch()
    with pytest.raises(OperatorError, match="--format=directory"):
        dump_file.read(tmp_path)


def test_a_newer_pg_dump_s_is_refused_with_both_versions() -> None:
    path, newer = Path("old.dump"), Archive("15.4", "17.2", 17)
    with pytest.raises(
        OperatorError, match=r"old.dump was written by pg_dump 17.2, and the host runs PostgreSQL 16.14"
    ):
        dump_file.refuse_newer(path, newer, "16.14")
    dump_file.refuse_newer(path, newer, "17.0")
