"""Which moments can be restored, and from what: known by the names of base backups and segments alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aipbx_agent.core.times import text
from aipbx_agent.pitr.segments import Base, Segment, raw


@dataclass(frozen=True)
class Window:
    """Every moment in it can be restored.

    Args:
        since, until: the first and the last one.
        base: the newest base backup that reaches into it.
    """

    since: datetime
    until: datetime
    base: Base


@dataclass(frozen=True)
class Gap:
    """Segments that are missing between others.

    Args:
        first, last: their names, as PostgreSQL has them.
        after, before: no moment between these can be restored.
    """

    first: str
    last: str
    after: datetime
    before: datetime


@dataclass(frozen=True)
class Needed:
    """What a point-in-time recovery needs."""

    base: Base
    segments: list[Segment]


def chain(base: Base, segments: Iterable[Segment]) -> list[Segment]:
    """Return the segments that follow one another from a base backup's first."""
    by_number = {
        segment.number: segment
        for segment in segments
        if (segment.system, segment.timeline) == (base.first.system, base.first.timeline)
        and segment.number >= base.first.number
    }
    chained, number = [], base.first.number
    while number in by_number:
        chained.append(by_number[number])
        number += 1
    return chained


def newest(segments: Iterable[Segment]) -> Segment | None:
    """Return the segment that was closed last; of those that were in one second, the last of its log."""
    return max(segments, key=lambda segment: (segment.moment, segment.timeline, segment.number), default=None)


def windows(bases: Iterable[Base], segments: Collection[Segment]) -> list[Window]:
    """Return the windows that there are, oldest first; those of base backups on one unbroken log are one.

    Args:
        bases: every base backup.
        segments: every segment.
    """
    by_end: dict[tuple[int, int, int], Window] = {}
    for base in sorted(bases, key=lambda base: base.moment):
        follow = chain(base, segments)
        if not follow or follow[-1].number < base.last or follow[-1].until < base.moment:
            continue
        end = follow[-1]
        key = (end.system, end.timeline, end.number)
        since = by_end[key].since if key in by_end else base.moment
        by_end[key] = Window(since, end.until, base)
    return sorted(by_end.values(), key=lambda window: window.until)


def gaps(segments: Iterable[Segment]) -> list[Gap]:
    """Return where segments are missing between others of the same log, oldest first."""
    missing = []
    before: Segment | None = None
    for segment in sorted(segments, key=lambda segment: (segment.system, segment.timeline, segment.number)):
        if (
            before
            and (before.system, before.timeline) == (segment.system, segment.timeline)
            and segment.number > before.number + 1
        ):
            first, last = raw(segment.timeline, before.number + 1), raw(segment.timeline, segment.number - 1)
            missing.append(Gap(first, last, before.until, segment.moment))
        before = segment
    return sorted(missing, key=lambda gap: gap.after)


def needed(bases: Iterable[Base], segments: Collection[Segment], target: datetime) -> Needed | None:
    """Return what a point-in-time recovery needs: the newest base backup before it, and the segments up to it.

    Args:
        bases: every base backup.
        segments: every segment.
        target: the moment.

    Returns: None: that moment cannot be restored.
    """
    for base in sorted(bases, key=lambda base: base.moment, reverse=True):
        if base.moment > target:
            continue
        follow = chain(base, segments)
        ends = [
            place for place, segment in enumerate(follow) if segment.until >= target and segment.number >= base.last
        ]
        if ends:
            # One more, where there is one: by the first commit in it PostgreSQL sees that the moment has passed.
            return Needed(base, follow[: ends[0] + 2])
    return None


def expired(bases: Collection[Base], sizes: Mapping[Segment, int], now: datetime, days: int, most: int) -> set[str]:
    """Return the names of what need not stay. The newest base backup and every segment since always do.

    Args:
        bases: every base backup.
        sizes: bytes of every segment.
        now: this moment.
        days: how far back it must be possible to restore.
        most: bytes that all of it may take; more than that, and the oldest base backups go before their time.
    """
    ordered = sorted(bases, key=lambda base: base.moment)
    if not ordered:
        return set()
    old = [base for base in ordered if base.moment <= now - timedelta(days=days)]
    stay = [*old[-1:], *ordered[len(old) :]]

    def lost(kept: list[Base]) -> set[Segment]:
        first = {base.first.system: base.first for base in reversed(kept)}
        return {
            segment
            for segment in sizes
            if (
                segment.number < first[segment.system].number
                if segment.system in first
                else segment.moment < kept[0].moment
            )
        }

    def weight(kept: list[Base]) -> int:
        away = lost(kept)
        return sum(base.bytes for base in kept) + sum(size for segment, size in sizes.items() if segment not in away)

    while len(stay) > 1 and weight(stay) > most:
        stay = stay[1:]
    return {base.name for base in ordered if base not in stay} | {segment.name for segment in lost(stay)}


def summary(bases: Collection[Base], segments: Collection[Segment]) -> dict[str, Any]:
    """Return what can be restored, for an operator's machine: moments in ISO 8601."""
    return {
        "windows": [{"since": text(window.since), "until": text(window.until)} for window in windows(bases, segments)],
        "gaps": [
            {"first": gap.first, "last": gap.last, "after": text(gap.after), "before": text(gap.before)}
            for gap in gaps(segments)
        ],
    }
