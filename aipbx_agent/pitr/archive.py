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
    """Return where PostgreSQL puts its segments (files/postgres/archive.sh)."""
    return config.backups / "spool"


def wal(config: Config) -> Path:
    """Return where they are kept."""
    return config.backups / "wal"


def base(config: Config) -> Path:
    """Return where base backups are kept."""
    return config.backups / "base"


def kept_segments(folder: Path) -> dict[Segment, Path]:
    """The segments in a folder: thousands, of which daemon.py asks all the time, so they are read when they change."""
    changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
    known, cached = _read.get(folder, (-1, {}))
    if known == changed:
        return cached
    parsed = {segments.parse(path.name): path for path in folder.glob(f"*{PACKED}")}
    by_segment = {segment: path for segment, path in parsed.items() if segment}
    # A folder's time does not tell two changes of one moment apart.
    if time.time_ns() - changed > 10**9:
        _read[folder] = (changed, by_segment)
    return by_segment


def kept_bases(folder: Path) -> list[Base]:
    """Return the base backups in a folder that are as long as their descriptions say, oldest first."""
    bases = []
    for path in folder.glob(f"*{LABEL}"):
        base = segments.described(read_json(path), path.name)
        tar = path.with_name(f"{path.stem}{TAR}")
        if base and tar.is_file() and tar.stat().st_size == base.bytes:
            bases.append(base)
    return sorted(bases, key=lambda base: base.moment)


def summary(config: Config) -> dict[str, Any]:
    """Return which moments can be restored with what this host has."""
    return window.summary(kept_bases(base(config)), kept_segments(wal(config)))


def prune(config: Config) -> list[str]:
    """Delete what need not stay on this host.

    Returns: its names.
    """
    segments = kept_segments(wal(config))
    expired = _gone(
        config, kept_bases(base(config)), {segment: path.stat().st_size for segment, path in segments.items()}
    )
    for name in sorted(expired):
        # A description first: without it, what is left is no base backup.
        for path in (base(config) / f"{name}{LABEL}", base(config) / f"{name}{TAR}", wal(config) / f"{name}{PACKED}"):
            path.unlink(missing_ok=True)
    return sorted(expired)


def prune_store(config: Config, kept: Copies) -> None:
    """The same in a store that lets this host delete."""
    names = kept.names("wal")
    parsed = {segments.parse(name): size for name, size in names.items()}
    expired = _gone(config, store_bases(kept), {segment: size for segment, size in parsed.items() if segment})
    files = {"base": kept.names("base"), "wal": names}
    for name in sorted(expired):
        for folder, ending in (("base", LABEL), ("base", TAR + SEALED), ("wal", PACKED + SEALED)):
            if name + ending in files[folder]:
                kept.remove(f"{folder}/{name}{ending}")
    if expired:
        events.note(f"{kept.where}: {len(expired)} segments and base backups deleted: too old")


def store_bases(kept: Copies) -> list[Base]:
    """The base backups in a store, oldest first, whose files are as long as they were when they were read back."""
    names, texts = kept.names("base"), kept.texts("base", LABEL)
    bases = []
    for name, text in texts.items():
        label = parsed(text)
        base = segments.described(label, name)
        if base and names.get(name.removesuffix(LABEL) + TAR + SEALED) == label.get("sealed_bytes"):
            bases.append(base)
    return sorted(bases, key=lambda base: base.moment)


def store_segments(kept: Copies) -> list[Segment]:
    """Return the segments in a store."""
    parsed = [segments.parse(name) for name in kept.names("wal")]
    return [segment for segment in parsed if segment]


def _gone(config: Config, bases: list[Base], sizes: dict[Segment, int]) -> set[str]:
    days, most = int(config.raw["wal_keep_days"]), int(config.raw["wal_max_mib"]) * MIB
    return window.expired(bases, sizes, datetime.now(timezone.utc), days, most)
