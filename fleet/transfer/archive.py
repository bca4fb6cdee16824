"""A backup set in one file, `<host>-<name>.tar`: how it leaves a host, and how one is checked."""

from __future__ import annotations

import hashlib
import json
import tarfile
from typing import IO, TYPE_CHECKING, Any

from aipbx_agent.backup.sets import MANIFEST, NAME
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# A manifest names every table; more than this is none.
_LONGEST_MANIFEST = 64 << 20
_CHUNK = 1 << 20


def file_name(host: str, name: str) -> str:
    """Return the name of the file that holds a set."""
    return f"{host}-{name}.tar"


def command(folder: str, name: str, files: Iterable[str]) -> list[str]:
    """Return the command that writes a set to standard output, its manifest first.

    Args:
        folder: where the host's sets are.
        name: the set's.
        files: those that the manifest names.
    """
    return ["tar", "--create", "--file=-", "--directory", f"{folder}/{name}", "--", MANIFEST, *sorted(files)]


def check(path: Path) -> dict[str, Any]:
    """See that a file holds all that its manifest names, byte for byte, and nothing else.

    Returns: its manifest.

    Raises:
        OperatorError: it does not.
    """
    with path.open("rb") as stream:
        return check_stream(stream, path)


def check_stream(stream: IO[bytes], path: Path) -> dict[str, Any]:
    """The same, for what is read only once and may be kept nowhere.

    Args:
        stream: the file's content.
        path: what it is, for the message.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            manifest = _manifest(archive, path)
            expected = dict(manifest["files"])
            for member in archive:
                if member.name == MANIFEST:
                    continue
                declared, content = expected.pop(member.name, None), archive.extractfile(member)
                if declared is None or content is None:
                    raise _damaged(path, f"{member.name} does not belong there")
                if (member.size, _hash(content)) != (declared["bytes"], declared["sha256"]):
                    raise _damaged(path, f"{member.name} is not what the host wrote")
    except (tarfile.TarError, EOFError, OSError, KeyError, TypeError, ValueError) as problem:
        raise _damaged(path, str(problem)) from None
    if expected:
        raise _damaged(path, f"{', '.join(sorted(expected))} is missing")
    return manifest


def _manifest(archive: tarfile.TarFile, path: Path) -> dict[str, Any]:
    first = archive.next()
    content = (
        archive.extractfile(first) if first and first.name == MANIFEST and first.size < _LONGEST_MANIFEST else None
    )
    if content is None:
        raise _damaged(path, f"{MANIFEST} is not the first file")
    try:
        manifest = json.loads(content.read())
        whole = (
            bool(NAME.fullmatch(manifest["name"]))
            and isinstance(manifest["host"], str)
            and bool(manifest["files"].keys())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise _damaged(path, f"{MANIFEST} cannot be read")
    return dict(manifest)


def _hash(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _damaged(path: Path, why: str) -> OperatorError:
    return OperatorError(f"{path} is not a complete backup set.", f"In it: {why}.", "Copy it here again.")
