"""What a file that is to be restored is, by its first bytes: what no host reads is refused before it travels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import OperatorError

# The first file of pg_dump's tar archives and folders.
CONTENTS = "toc.dat"
_HEAD = 4096
# A shorter archive is cut off in its head: the host says so.
_LEAST = 64
_CUSTOM = 1
# The form of pg_dump's archives, by the release that brought it: no older pg_restore reads it.
_FORMS = {(1, 16): 17, (1, 15): 16, (1, 14): 12}
_PACKED = {b"\x28\xb5\x2f\xfd": "zstd -d", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"PK\x03\x04": "unzip"}
# How mysqldump's and mariadb-dump's files begin (aipbx_agent/restore/incoming.py).
_MYSQL = (b"MySQL dump", b"MariaDB dump")
# Packing is said by a byte since that form, by a number before.
_PACKING_IS_A_BYTE = (1, 15)


@dataclass(frozen=True)
class Archive:
    """A dump by `pg_dump --format=custom`.

    Args:
        server: the version that it was taken from, as `16.14`.
        program: that of its pg_dump.
        major: the oldest PostgreSQL whose pg_restore reads it; 0: any.
    """

    server: str
    program: str
    major: int


def read(path: Path) -> Archive | None:
    """Return what a file says of itself; None: it is none of pg_dump's archives, but may be mysqldump's.

    Raises:
        OperatorError: no host can restore it, whatever it is called.
    """
    if path.is_dir():
        raise _not_custom(path, "a folder, as `pg_dump --format=directory` makes it")
    head = _unpacked(path)
    if head[257:262] == b"ustar":
        raise (
            _not_custom(path, "a tar archive, as `pg_dump --format=tar` makes it")
            if _is_dump(head)
            else OperatorError(
                f"{path} is a tar archive packed with gzip.",
                "A backup set is an uncompressed tar archive.",
                f"Unpack it, then restore that file: gunzip --keep {path}",
            )
        )
    for begin, command in _PACKED.items():
        if head.startswith(begin):
            raise OperatorError(
                f"{path} is compressed in an unsupported format.",
                "Only gzip is supported.",
                f"Unpack it: {command} {path}",
            )
    if b"PostgreSQL database dump" in head:
        raise _not_custom(path, "SQL, as `pg_dump` writes it without --format=custom")
    if not head.startswith(b"PGDMP"):
        if not any(words in head for words in _MYSQL):
            raise OperatorError(
                f"{path} is not a backup.",
                "Its first bytes are not those of a set, of pg_dump's custom format, or of mysqldump.",
                "inv backups shows the sets of the hosts.",
            )
        return None
    return _archive(path, head) if len(head) >= _LEAST else None


def refuse_newer(path: Path, archive: Archive, version: str) -> None:
    """Refuse a dump that a host's server cannot read.

    Args:
        path: the operator's file.
        archive: what it says of itself.
        version: the server's, as `16.14`.

    Raises:
        OperatorError: it cannot.
    """
    major = int(version.split(".")[0])
    if archive.major > major:
        raise OperatorError(
            f"{path} was written by pg_dump {archive.program}, and the host runs PostgreSQL {version}.",
            f"No pg_restore older than {archive.major} reads its format; it is from a server {archive.server}.",
            f"Dump it again with the server's own pg_dump: docker exec … pg_dump --format=custom (version {major}).",
        )


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head)[:_HEAD]
    except zlib.error as problem:
        raise OperatorError(
            f"{path} is not a complete gzip file.", str(problem), "Use another file, or copy it again."
        ) from None


def _is_dump(tar: bytes) -> bool:
    return tar.startswith(CONTENTS.encode() + b"\0")


def _archive(path: Path, head: bytes) -> Archive:
    form, kind = (head[5], head[6]), head[10:11]
    if kind != bytes([_CUSTOM]):
        raise _not_custom(path, "of another format of pg_dump's")
    _, server, program = _texts(head, form)
    return Archive(server, program, next((major for least, major in _FORMS.items() if form >= least), 0))


def _texts(head: bytes, form: tuple[int, int]) -> list[str]:
    """Return the database's name, and the versions of server and program: after the moment, seven numbers."""
    size = head[8]
    at, texts = 11 + (1 if form >= _PACKING_IS_A_BYTE else 1 + size) + 7 * (1 + size), list[str]()
    for _ in range(3):
        length = int.from_bytes(head[at + 1 : at + 1 + size], "little")
        texts.append(head[at + 1 + size : at + 1 + size + length].decode(errors="replace"))
        at += 1 + size + length
    return texts


def _not_custom(path: Path, what: str) -> OperatorError:
    return OperatorError(
        f"{path} is {what}: this kind of dump is not supported.",
        "Its rows cannot be counted and compared before it becomes live.",
        "Use `pg_dump --format=custom` (gzip is allowed), or load it by hand into a separate database.",
    )
