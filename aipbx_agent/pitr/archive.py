"""What this host keeps for a point-in-time recovery: where it is, what is there, and what of it may go."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.files import parsed, read_json
from aipbx_agent.pitr import segments, window
from aipbx_agent.pitr.segments import Base, Segment
from aipbx_agent.stores.base import Copies

PACKED = ".wal.zst"
TAR = ".tar.zst"
LABEL = ".json"
SEALED = ".age"
MIB = 1 << 20
_read: dict[Path, tuple[int, dict[Segment, Path]]] = {}


def spool(config: Config) -> Path:
    """Where PostgreSQL puts its segments (files/postgres/archive.sh)."""
    return config.backups / "spool"


def wal(config: Config) -> Path:
    """Where they are kept."""
    return config.backups / "wal"


def base(config: Config) -> Path:
    """Where base backups are kept."""
    return config.backups / "base"


def kept_segments(folder: Path) -> dict[Segment, Path]:
    """The segments in a folder: thousands, of which daemon.py asks all the time, so they are read when they change."""
    changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
    known, there = _read.get(folder, (-1, {}))
    if known == changed:
        return there
    parsed = {segments.parse(path.name): path for path in folder.glob(f"*{PACKED}")}
    found = {one: path for one, path in parsed.items() if one}
    # A folder's time does not tell two changes of one moment apart.
    if time.time_ns() - changed > 10**9:
        _read[folder] = (changed, found)
    return found


def kept_bases(folder: Path) -> list[Base]:
    """The base backups in a folder that are as long as their descriptions say, oldest first."""
    found = []
    for path in folder.glob(f"*{LABEL}"):
        one = segments.described(read_json(path), path.name)
        tar = path.with_name(f"{path.stem}{TAR}")
        if one and tar.is_file() and tar.stat().st_size == one.bytes:
            found.append(one)
    return sorted(found, key=lambda one: one.moment)


def summary(config: Config) -> dict[str, Any]:
    """Which moments can be restored with what this host has."""
    return window.summary(kept_bases(base(config)), kept_segments(wal(config)))


def prune(config: Config) -> list[str]:
    """Delete what need not stay on this host.

    Returns: its names.
    """
    there = kept_segments(wal(config))
    gone = _gone(config, kept_bases(base(config)), {one: path.stat().st_size for one, path in there.items()})
    for name in sorted(gone):
        # A description first: without it, what is left is no base backup.
        for path in (base(config) / f"{name}{LABEL}", base(config) / f"{name}{TAR}", wal(config) / f"{name}{PACKED}"):
            path.unlink(missing_ok=True)
    return sorted(gone)


def prune_store(config: Config, kept: Copies) -> None:
    """The same in a store that lets this host delete."""
    there = kept.names("wal")
    parsed = {segments.parse(name): size for name, size in there.items()}
    gone = _gone(config, store_bases(kept), {one: size for one, size in parsed.items() if one})
    files = {"base": kept.names("base"), "wal": there}
    for name in sorted(gone):
        for folder, ending in (("base", LABEL), ("base", TAR + SEALED), ("wal", PACKED + SEALED)):
            if name + ending in files[folder]:
                kept.remove(f"{folder}/{name}{ending}")
    if gone:
        events.note(f"{kept.where}: {len(gone)} segments and base backups deleted: too old")


def store_bases(kept: Copies) -> list[Base]:
    """The base backups in a store, oldest first, whose files are as long as they were when they were read back."""
    there, texts = kept.names("base"), kept.texts("base", LABEL)
    found = []
    for name, text in texts.items():
        label = parsed(text)
        one = segments.described(label, name)
        if one and there.get(name.removesuffix(LABEL) + TAR + SEALED) == label.get("sealed_bytes"):
            found.append(one)
    return sorted(found, key=lambda one: one.moment)


def store_segments(kept: Copies) -> list[Segment]:
    """The segments in a store."""
    found = [segments.parse(name) for name in kept.names("wal")]
    return [one for one in found if one]


def _gone(config: Config, bases: list[Base], sizes: dict[Segment, int]) -> set[str]:
    days, most = int(config.raw["wal_keep_days"]), int(config.raw["wal_max_mib"]) * MIB
    return window.gone(bases, sizes, datetime.now(timezone.utc), days, most)
