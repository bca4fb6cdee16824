"""Two backends at once run the application's timers twice: no switch begins across the minutes that data names.

Invoices, charges and digests are made by timers inside the backend, at moments that only the application knows
(shared/facts/app.md); `no_overlap_utc` names them. In `recreate`, and where no backend serves yet, there is no overlap.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from aipbx_data import colours, drain, events
from aipbx_data.config import Config
from aipbx_data.errors import Refused

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# Where no moment is free for so long, none ever is.
HORIZON = timedelta(days=1)


@dataclass(frozen=True)
class Overlap:
    """That two backends would be up when the timers run.

    Args:
        what, why, do: of the refusal.
        seconds: until a switch may begin; None: it never may, as long as it would take.
        free: that moment, as `12:01`.
    """

    what: str
    why: str
    do: str
    seconds: float | None
    free: str


def arguments(_: argparse.ArgumentParser) -> None:
    """None: settings, services, drain_seconds come over standard input (fleet/deploy/overlap.py)."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Tell whether a switch would overlap now; nothing is touched."""
    asked = json.load(sys.stdin)
    told = replace(config, raw={**config.raw, **asked["settings"]})
    serving = colours.serving(config, "backend") if "backend" in asked["services"] else ""
    found = ahead(told, serving, float(asked["drain_seconds"]))
    events.result(overlap=vars(found) if found else None)


def now() -> datetime:
    """This moment, by the host's clock."""
    return datetime.now(timezone.utc)


def ahead(config: Config, serving: str, drain_seconds: float) -> Overlap | None:
    """What would be wrong with a switch of the backend that begins now.

    Args:
        config: the host's, with this run's settings.
        serving: the backend's colour that serves; empty: none does, or it stays.
        drain_seconds: how long its calls may go on.
    """
    moments: list[str] = config.raw.get("no_overlap_utc", [])
    if not serving or not moments or config.raw["switch_mode"] != "colours":
        return None
    starts = sum(float(config.raw[name]) for name in ("ready_seconds", "settle_seconds")) + drain.REQUEST_SECONDS
    calls = drain.live(config, serving) if config.hands_over else 0
    seconds = starts + (drain_seconds if calls else 0)
    at = now()
    hit = touched(at, seconds, moments)
    if hit is None:
        return None
    free = first_free(at, seconds, moments)
    fits = int((hit - at).total_seconds() - starts)
    wait = (free - at).total_seconds() if free else None
    ways = [f"--drain-timeout={fits} ends before it"] if calls and 0 < fits < drain_seconds else []
    ways.append("--now cuts live calls, and takes the risk" if calls else "--now takes the risk")
    again = f"Run it again from {free:%H:%M} UTC on (--wait waits until then)" if free else "No moment of a day is free"
    return Overlap(
        f"{config.host}: two backends could be up at {hit:%H:%M} UTC, when the application's timers run.",
        f"It is {at:%H:%M:%S}; a start takes {starts:.0f} s at most"
        + (f", and {calls} live calls may go on for {drain_seconds:.0f} s. " if calls else ". ")
        + f"What they do would be done twice (no_overlap_utc: {', '.join(moments)}).",
        f"{again}; or {', or '.join(ways)}.",
        wait,
        f"{free:%H:%M}" if free else "",
    )


def touched(begin: datetime, seconds: float, moments: Iterable[str]) -> datetime | None:
    """The first of the minutes that data names which `seconds` from `begin` on touch.

    Args:
        begin: UTC.
        seconds: how long two backends may be up.
        moments: `HH:MM`, or `*:MM`: of every hour.
    """
    named = [each.split(":") for each in moments]
    hour = begin.replace(minute=0, second=0, microsecond=0) - HOUR
    while hour <= begin + timedelta(seconds=seconds):
        for minute in sorted(int(minute) for at, minute in named if at in {"*", f"{hour:%H}"}):
            moment = hour + minute * MINUTE
            if moment + MINUTE > begin and moment <= begin + timedelta(seconds=seconds):
                return moment
        hour += HOUR
    return None


def first_free(begin: datetime, seconds: float, moments: Iterable[str]) -> datetime | None:
    """The first moment from `begin` on from which `seconds` touch no minute that data names; None: there is none."""
    moments, at = list(moments), begin
    while hit := touched(at, seconds, moments):
        at = hit + MINUTE
        if at > begin + HORIZON:
            return None
    return at


def refuse(config: Config, serving: str, drain_seconds: float, *, accepted: bool) -> None:
    """Refuse a switch that would overlap.

    Args:
        config: the host's, with this run's settings.
        serving: the backend's colour that serves; empty: none does, or it stays.
        drain_seconds: how long its calls may go on.
        accepted: whether it cannot come later: then it says so, and goes on.

    Raises:
        Refused: nothing was touched.
    """
    found = ahead(config, serving, drain_seconds)
    if found and not accepted:
        raise Refused(found.what, found.why, f"{found.do} Nothing was changed.")
    if found:
        events.note(f"{found.what} This goes on: look whether something was done twice.")
