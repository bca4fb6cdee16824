"""Moments: how they are said, and `aipbx-agent point @…`: whether this host can restore its database to one."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timezone

from aipbx_agent.backup import sets
from aipbx_agent.core import events, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.pitr import archive, window

NAMED = re.compile(r"@(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?)Z")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which moment."""
    parser.add_argument("at", help="as @2026-11-23T14:05:00Z")


def main(config: Config, options: argparse.Namespace) -> None:
    """`aipbx-agent point @…`: whether that moment can be restored with what this host has; changes nothing.

    Raises:
        Refused: it cannot, or it is in the future.
    """
    target = moment(options.at)
    bases = archive.kept_bases(archive.base(config))
    refuse_future(target)
    needed = window.needed(bases, archive.kept_segments(archive.wal(config)), target)
    recent = bool(bases) and not needed and is_open(config, target)
    if not needed and not recent:
        raise outside(config, target)
    base = needed.base if needed else bases[-1]
    sets_before = [name for name in sets.names(config.backups) if sets.moment_of(name) <= target]
    events.result(
        host=config.host,
        base=f"{base.moment:%Y-%m-%dT%H:%M:%SZ}",
        segments=len(needed.segments) if needed else None,
        set=sets_before[-1] if sets_before else "",
        now=times.now(),
    )


def moment(text: str) -> datetime:
    """Return the moment in a name.

    Raises:
        Refused: it is none.
    """
    match = NAMED.fullmatch(text)
    try:
        if not match:
            raise ValueError
        # Python 3.10 reads none or six digits of a second.
        digits = match[1].ljust(26, "0") if match[2] else match[1]
        return datetime.fromisoformat(digits).replace(tzinfo=timezone.utc)
    except ValueError:
        raise Refused(
            f"{text!r} is not a valid time.", "Format: @2026-11-23T14:05:00Z.", "inv restore --at=…"
        ) from None


def refuse_future(target: datetime) -> None:
    """Refuse a moment that is in the future.

    Raises:
        Refused: it is.
    """
    now = datetime.now(timezone.utc)
    if target > now:
        raise Refused(
            f"{target:%Y-%m-%d %H:%M:%S} UTC is in the future.",
            f"It is {now:%Y-%m-%d %H:%M:%S} UTC on this host.",
            "Choose a time in the past; add a zone when it is not UTC: '2026-11-23 14:05+03:00'.",
        )


def outside(config: Config, target: datetime) -> Refused:
    """Return why a moment cannot be restored: says which can."""
    summary = archive.summary(config)
    windows = (
        "; ".join(f"from {each['since']} to {each['until']}" for each in summary["windows"]) or "no recovery target yet"
    )
    gaps = "".join(f" Missing: {gap['first']} to {gap['last']}." for gap in summary["gaps"])
    return Refused(
        f"{target:%Y-%m-%d %H:%M:%S} UTC cannot be restored on {config.host}.",
        f"Recovery window: {windows}.{gaps}",
        "Choose a time within that, or a set: inv backups",
    )


def is_open(config: Config, target: datetime) -> bool:
    """Whether a moment is in what PostgreSQL writes at present: after all that is kept here, on an unbroken log."""
    bases, segments = archive.kept_bases(archive.base(config)), archive.kept_segments(archive.wal(config))
    if not bases or target < bases[-1].moment:
        return False
    follow = window.chain(bases[-1], segments)
    return bool(follow) and follow[-1] == window.newest(segments) and target > follow[-1].until
