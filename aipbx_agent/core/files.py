"""Small files that are written in one step, and read whatever happened to them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def sha256(path: Path) -> str:
    """Return the hash of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file in one step, apart, synced, renamed: a reader sees the old one or the new one."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(mode)
    new.replace(path)
    sync(path.parent)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object in one step."""
    write(path, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return a small file that `write_json` wrote; empty when it is not there or damaged."""
    try:
        return parsed(path.read_bytes())
    except OSError:
        return {}


def parsed(text: bytes) -> dict[str, Any]:
    """Return what such a file says; empty when it is damaged."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def sync(path: Path) -> None:
    """Have a file or folder on the disk, not only in memory."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
