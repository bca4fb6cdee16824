"""A base backup is read to its end and held to the server's manifest."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from aipbx_agent.core.errors import Failed
from aipbx_agent.pitr import base_check

FILES = {"PG_VERSION": b"16\n", "base/1/1259": b"x" * 20000}


def manifest(files: dict[str, bytes]) -> bytes:
    entries = [
        {"Path": name, "Size": len(text), "Checksum-Algorithm": "SHA256", "Checksum": hashlib.sha256(text).hexdigest()}
        for name, text in files.items()
    ]
    ranges = [{"Timeline": 1, "Start-LSN": "1/FF000028", "End-LSN": "2/100"}]
    head = json.dumps({"PostgreSQL-Backup-Manifest-Version": 1, "Files": entries, "WAL-Ranges": ranges})
    body = f"{head[:-1]},\n".encode()
    return body + f'"Manifest-Checksum": "{hashlib.sha256(body).hexdigest()}"}}\n'.encode()


def packed(folder: Path, files: dict[str, bytes], told: bytes) -> Path:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in {**files, "backup_manifest": told}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    path = folder / "base.tar.zst"
    path.write_bytes(subprocess.run(["zstd", "-qc"], input=out.getvalue(), capture_output=True, check=True).stdout)
    return path


def test_a_whole_base_backup_says_which_wal_it_needs(tmp_path: Path) -> None:
    assert base_check.check(packed(tmp_path, FILES, manifest(FILES))) == base_check.Range(1, 0x1FF, 0x200)


@pytest.mark.parametrize(
    ("files", "told", "why"),
    [
        ({**FILES, "PG_VERSION": b"17\n"}, manifest(FILES), "PG_VERSION is not what"),
        ({"PG_VERSION": b"16\n"}, manifest(FILES), "base/1/1259 is missing"),
        ({**FILES, "more": b""}, manifest(FILES), "more is not what"),
        (FILES, manifest(FILES).replace(b"Size", b"size"), "itself is not what it was"),
        (FILES, b"", "cannot be read"),
    ],
)
def test_one_that_differs(tmp_path: Path, files: dict[str, bytes], told: bytes, why: str) -> None:
    with pytest.raises(Failed) as caught:
        base_check.check(packed(tmp_path, files, told))
    assert why in caught.value.why


def test_one_that_is_cut_off(tmp_path: Path) -> None:
    path = packed(tmp_path, FILES, manifest(FILES))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Failed, match="not what the server sent"):
        base_check.check(path)
