"""The ledger of releases (releases.py), written by the host: it may not depend on an operator's line."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from aipbx_agent.contract import LEDGER
from aipbx_agent.core import files, times
from aipbx_agent.core.config import Config


def path(config: Config) -> Path:
    """Return where it is."""
    return config.app / LEDGER


def entries(config: Config) -> list[dict[str, Any]]:
    """Return its lines, oldest first; one that a power cut left unfinished is passed over."""
    try:
        lines = path(config).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [entry for line in lines if (entry := files.parsed(line))]


def record(config: Config, entry: dict[str, Any]) -> None:
    """Add how a release ended, unless that is there already, and tell the banner what runs.

    Args:
        entry: a whole line of the ledger.
    """
    try:
        before = path(config).read_bytes()
    except FileNotFoundError:
        before = b""
    if any(_same(line, entry) for line in before.splitlines()[-5:]):
        return
    with path(config).open("ab") as file:
        # A power cut may have left the last line without its end. ASCII: a note may hold what others end a line at.
        file.write((b"" if before.endswith(b"\n") or not before else b"\n") + json.dumps(entry).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    path(config).chmod(0o644)
    if entry["result"] == "ok" and entry["action"] != "rotation":
        after = entry["after"]
        text = f"backend {after['backend'][:8]}, frontend {after['frontend'][:8]}, since {since(entry)}\n"
        files.write(config.app / "release", text, mode=0o644)


def since(entry: dict[str, Any]) -> str:
    """Return when the release of an entry began to serve, in ISO 8601: the entry is written at that moment.

    Args:
        entry: a whole line of the ledger.
    """
    try:
        return times.text(times.read(entry["time"]) + timedelta(seconds=entry["seconds"]))
    except (ValueError, TypeError):
        return str(entry["time"])  # a hand has changed the line


def about(entry: dict[str, Any]) -> str:
    """Return who wanted what, for the team.

    Args:
        entry: a whole line of the ledger.
    """
    lines = [f"{entry['action']} by {entry['operator']}, begun {entry['time']}"]
    for service, after in entry["after"].items():
        before = (entry["before"] or {}).get(service, "")
        if before != after:
            lines.append(f"{service}: {before[:8] or 'nothing'} → {after[:8]}")
    return "\n".join(lines) + "\n"


def _same(line: bytes, entry: dict[str, Any]) -> bool:
    try:
        known = json.loads(line)
    except ValueError:
        return False
    return isinstance(known, dict) and all(known.get(key) == entry[key] for key in ("time", "operator", "action"))
