"""Base backups and segments that a host keeps for another one are deleted when no restore needs them any more.

Told by when they arrived, and by nothing that their origin says; and nothing becomes old while nothing arrives.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from aipbx_agent.pitr import archive

# A base backup arrives that much later, at most, than the first segment that it needs.
SLACK = timedelta(days=1)


def old(folder: Path, days: int) -> list[Path]:
    """Return what no restore needs.

    Args:
        folder: an origin's.
        days: how far back it must be possible to restore.
    """
    bases = sorted(_arrived(path) for path in (folder / "base").glob(f"*{archive.LABEL}"))
    enough = [when for when in bases if when <= bases[-1] - timedelta(days=days)]
    if not enough:
        return []
    limit = enough[-1] - SLACK
    arrived = [path for name in ("base", "wal") for path in (folder / name).glob("[0-9a-f]*")]
    return sorted(path for path in arrived if path.is_file() and not path.is_symlink() and _arrived(path) < limit)


def _arrived(path: Path) -> datetime:
    return datetime.fromtimestamp(path.lstat().st_mtime, timezone.utc)
