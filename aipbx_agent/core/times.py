"""Times as files of ours tell them: ISO 8601 in UTC, to the second."""

from __future__ import annotations

from datetime import datetime, timezone


def text(time: datetime) -> str:
    """Return a time of UTC, as `2026-11-23T03:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    """This moment."""
    return text(datetime.now(timezone.utc))


def read(text: str) -> datetime:
    """Return the time in a text."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
