"""Files that were brought here to be restored: where they are, what they are called, what they are."""

from __future__ import annotations

from pathlib import Path

from aipbx_agent.contract import INCOMING, UPLOAD
from aipbx_agent.core.config import Config

_HEAD = 512


def folder(config: Config) -> Path:
    """Return where files come to be restored from."""
    return config.app / INCOMING


def title(name: str) -> str:
    """Return a file's name as the operator knows it: without what it got on its way here."""
    return (name.startswith(UPLOAD) and name.removeprefix(UPLOAD).partition("-")[2]) or name


def kind(path: Path) -> str:
    """What a file is, by its first bytes: tar, gzip, custom (pg_dump's), mysql (SQL), postgres (SQL), or empty."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[257:262] == b"ustar":
        return "tar"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PGDMP"):
        return "custom"
    text = head.decode("utf-8", "replace")
    if "MySQL dump" in text or "MariaDB dump" in text:
        return "mysql"
    return "postgres" if "PostgreSQL database dump" in text else ""
