"""A base backup is read to its end, and every file in it compared with PostgreSQL's own manifest of it.

As pg_verifybackup does, which can do so with a packed one only since version 18: nothing is unpacked to a disk here.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from aipbx_agent.core.errors import Failed
from aipbx_agent.pitr.segments import BYTES

MANIFEST = "backup_manifest"
_LSN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Range:
    """The part of the log without which a base backup is none.

    Args:
        timeline: of it.
        first, last: the numbers of its segments.
    """

    timeline: int
    first: int
    last: int


def check(path: Path) -> Range:
    """Read a base backup.

    Args:
        path: a tar, packed by zstd, with its manifest in it.

    Returns: which part of the log it needs.

    Raises:
        Failed: it is not what the server sent.
    """
    with subprocess.Popen(["zstd", "-dcq", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacking:
        try:
            assert unpacking.stdout  # noqa: S101  a pipe
            files, manifest = _read(unpacking.stdout)
            while unpacking.stdout.read(_CHUNK):
                pass  # what follows the end of a tar
        except (tarfile.TarError, EOFError, OSError) as problem:
            raise _damaged(str(problem)) from None
        finally:
            if unpacking.poll() is None and unpacking.stdout:
                unpacking.stdout.close()
            code = unpacking.wait()
    if code != 0:
        raise _damaged(f"zstd ended with {code}")
    return compared(files, manifest)


def compared(actual: Mapping[str, tuple[int, str]], manifest: bytes) -> Range:
    """Compare what was found with what a manifest says.

    Args:
        actual: size and SHA-256 of each file by path.
        manifest: the text of PostgreSQL's.

    Raises:
        Failed: they differ.
    """
    try:
        raw: dict[str, Any] = json.loads(manifest)
        body = manifest.rpartition(b'"Manifest-Checksum"')[0]
        if hashlib.sha256(body).hexdigest() != raw["Manifest-Checksum"]:
            raise _damaged(f"{MANIFEST} itself is not what it was")
        files = {_path(entry): (entry["Size"], entry["Checksum"]) for entry in raw["Files"]}
        (needed,) = raw["WAL-Ranges"]
        first, last = (_segment(needed[which]) for which in ("Start-LSN", "End-LSN"))
        timeline = int(needed["Timeline"])
    except (ValueError, KeyError, TypeError) as problem:
        raise _damaged(f"{MANIFEST} cannot be read: {problem}") from None
    for path in sorted(files.keys() | actual.keys()):
        if files.get(path) != actual.get(path):
            raise _damaged(f"{path} is {'missing' if path not in actual else 'not what the server sent'}")
    return Range(timeline, first, last)


def _read(stream: IO[bytes]) -> tuple[dict[str, tuple[int, str]], bytes]:
    files, manifest = {}, b""
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            name = member.name.removeprefix("./")
            if content is None:
                continue
            if name == MANIFEST:
                manifest = content.read()
                continue
            digest = hashlib.sha256()
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
            files[name] = (member.size, digest.hexdigest())
    return files, manifest


def _path(entry: dict[str, Any]) -> str:
    # Names that are no UTF-8 come in hexadecimal.
    return (
        str(entry["Path"]) if "Path" in entry else bytes.fromhex(entry["Encoded-Path"]).decode(errors="surrogateescape")
    )


def _segment(lsn: str) -> int:
    match = _LSN.fullmatch(lsn)
    if not match:
        raise ValueError(f"{lsn!r} is not a WAL location")
    return ((int(match[1], 16) << 32) + int(match[2], 16)) // BYTES


def _damaged(why: str) -> Failed:
    return Failed(
        "The base backup is not what the server sent.", f"{why}.", "The next base backup follows within the hour."
    )
