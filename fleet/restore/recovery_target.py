"""A moment as an operator types it, and as hosts understand it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fleet.errors import OperatorError

FORM = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s*"
    r"(Z|UTC|[+-]\d{2}:?\d{2}|[A-Z][A-Za-z_]+(?:/[A-Za-z_]+)+)?"
)


def parse(text: str) -> datetime:
    """Return what an operator typed, in UTC.

    Args:
        text: as `2026-11-23 14:05`, `2026-11-23T14:05:30Z`, `2026-11-23 17:05 +03:00`, or `… Europe/Moscow`; without a
            zone it is UTC.

    Raises:
        OperatorError: it is not a valid time.
    """
    match = FORM.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError("it is not of that form")
        day, clock, zone = match.groups()
        local = datetime.fromisoformat(f"{day} {clock.zfill(5) if clock.count(':') == 1 else clock.rjust(8, '0')}")
        return _in(local, zone or "UTC").astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError) as problem:
        raise OperatorError(
            f"{text!r} is not a valid time.",
            f"Write a time as '2026-11-23 14:05', UTC, or with a zone: '2026-11-23 17:05 +03:00' ({problem}).",
            "inv restore --at='2026-11-23 14:05' --host=…",
        ) from None


def _in(local: datetime, zone: str) -> datetime:
    if zone in {"Z", "UTC"}:
        return local.replace(tzinfo=UTC)
    if zone[0] in "+-":
        return datetime.fromisoformat(f"{local.isoformat()}{zone}")
    named = local.replace(tzinfo=ZoneInfo(zone))
    if named.utcoffset() != named.replace(fold=1).utcoffset():
        raise ValueError(f"clocks change then in {zone}: say +hh:mm")
    return named


def named(target: datetime) -> str:
    """The same for a host's program (aipbx_agent.restore.from_moment)."""
    text = target.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"@{text}Z"


def shown(target: datetime) -> str:
    """The same for people, in UTC."""
    return f"{named(target)[1:-1].replace('T', ' ')} UTC"


def since(target: datetime, now: datetime) -> str:
    """Return how long ago it was, so that a wrong zone is noticed: `3 h 12 min ago`."""
    past = max(timedelta(0), now - target)
    minutes, seconds = divmod(int(past.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days ago"
    return f"{hours} h {minutes} min ago" if hours else f"{minutes} min {seconds} s ago"
