"""Two backends at once run the application's timers twice: no switch begins across the minutes that data names.

Invoices, charges and digests are made by timers inside the backend; `application_timers` says when, by the backend's
own clock. How long two backends are up is reckoned with what the last starts took on this host. In `recreate`, and
where no backend serves yet, there is no overlap.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from aipbx_agent.core import docker, events, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Refused
from aipbx_agent.release.containers import colours
from aipbx_agent.release.switch import drain

MINUTE = timedelta(minutes=1)
# Where no moment is free for so long, none ever is.
HORIZON = timedelta(days=1)
# A start on a host that knows none of its own: 23 s were measured on a busy one. What a start may take longer than the
# longest of the last ones. What the old backend takes to its end: requests have their answers in a second or two.
UNKNOWN_SECONDS, MARGIN, ENDING_SECONDS = 60.0, 1.5, 15.0
STARTS = 5


@dataclass(frozen=True)
class Overlap:
    """That two backends would be up when the timers run.

    Args:
        what, why, do: of the refusal.
        seconds: until a switch may begin at the earliest; None: it never may, as long as a start takes here.
        free: that moment, as `12:01 UTC`, or `calls have ended`.
    """

    what: str
    why: str
    do: str
    seconds: float | None
    free: str


def arguments(_: argparse.ArgumentParser) -> None:
    """None: settings, services, drain_seconds come over standard input (fleet/release/checks/overlap.py)."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Report whether a switch would overlap now; nothing is touched."""
    request = json.load(sys.stdin)
    present = replace(config, raw={**config.raw, **request["settings"]})
    serving = colours.serving(config, "backend") if "backend" in request["services"] else ""
    overlap = ahead(present, serving, float(request["drain_seconds"]))
    events.result(overlap=vars(overlap) if overlap else None)


def now() -> datetime:
    """This moment, by the host's clock."""
    return datetime.now(timezone.utc)


def ahead(config: Config, serving: str, drain_seconds: float) -> Overlap | None:
    """Return what would be wrong with a switch of the backend that begins now.

    Args:
        config: the host's, with this run's settings.
        serving: the backend's colour that serves; empty: none does, or it stays.
        drain_seconds: how long its calls may continue.
    """
    timers: dict[str, str] = config.raw["application_timers"]
    if not serving or not timers or config.raw["switch_mode"] != "colours":
        return None
    start = start_seconds(config)
    calls = drain.live(config, serving) if config.hands_over else 0
    moment, zone = now(), clock(config)
    hit = touched(moment, start + (drain_seconds if calls else 0), timers, zone)
    return _overlap(config, moment, hit, start, calls, drain_seconds) if hit else None


def _overlap(
    config: Config, moment: datetime, hit: datetime, start: float, calls: int, drain_seconds: float
) -> Overlap:
    timers, zone, name = config.raw["application_timers"], clock(config), _zone(config)
    fits = int((hit - moment).total_seconds() - start)
    ways = [f"--drain-timeout={fits} ends before it"] if calls and 0 < fits < drain_seconds else []
    ways.append("--now cuts live calls, and takes the risk" if calls else "--now takes the risk")
    free = first_free(moment, start + (drain_seconds if calls else 0), timers, zone)
    shown = f"{free.astimezone(zone):%H:%M} {name}" if free else ""
    if free:
        again = f"Run it again from {shown} on (--wait waits until then)"
    elif calls and (free := first_free(moment, start, timers, zone)):
        again, shown = "Run it again when the calls have ended (--wait waits until then)", "calls have ended"
    else:
        again = "No time of day is free"
    when = hit.astimezone(zone)
    return Overlap(
        f"{config.host}: two backends could be up at {when:%H:%M} {name}: {'; '.join(_running(when, timers))}.",
        f"It is {moment.astimezone(zone):%H:%M:%S} {name}; with the old backend's end a start takes {start:.0f} s here"
        + (f", and {calls} live calls may continue for {drain_seconds:.0f} s. " if calls else ". ")
        + "Timer jobs (application_timers) would run twice.",
        f"{again}; or {', or '.join(ways)}.",
        (free - moment).total_seconds() if free else None,
        shown,
    )


def _zone(config: Config) -> str:
    return config.services["backend"].get("TZ") or "UTC"


def clock(config: Config) -> tzinfo:
    """Return the time zone that the backend's timers go by: that of its process.

    Raises:
        Refused: this host does not know it.
    """
    name = _zone(config)
    try:
        return timezone.utc if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise Refused(
            f"{config.host} does not know the time zone {name}.",
            "The application's timers run by it (TZ), and a deploy must not begin across them.",
            "apt-get install tzdata tzdata-legacy there, or correct TZ (inv env.edit, inv env.push).",
        ) from None


def start_seconds(config: Config) -> float:
    """How long two backends are up at most in a switch without calls, by what the last ones took on this host."""
    known = (files.read_json(_starts(config)) or {}).get("seconds") or []
    longest = max(known) * MARGIN if known else min(UNKNOWN_SECONDS, float(config.raw["ready_seconds"]))
    return float(longest + config.raw["settle_seconds"] + ENDING_SECONDS)


def learn(config: Config, seconds: float) -> None:
    """Write down what a start took until requests went to it, without what it was watched for; none fails by that."""
    known = (files.read_json(_starts(config)) or {}).get("seconds") or []
    try:
        files.write_json(_starts(config), {"seconds": [*known, round(seconds, 1)][-STARTS:]})
    except OSError as problem:
        events.note(f"How long the start took could not be written down: {problem}")


def _starts(config: Config) -> Path:
    return config.app / "starts.json"


def touched(begin: datetime, seconds: float, timers: Iterable[str], zone: tzinfo) -> datetime | None:
    """Return the first minute at which a timer runs and which `seconds` from `begin` on touch; UTC, as `begin`.

    Args:
        begin: when two backends may be up from.
        seconds: for how long.
        timers: `HH:MM`; `*:MM` in every hour; `*:*/5` every five minutes.
        zone: of the timers. A day that skips an hour, or has it twice, is met as the backend meets it.
    """
    minute = begin.replace(second=0, microsecond=0)
    while minute <= begin + timedelta(seconds=seconds):
        if any(_matches(minute.astimezone(zone), timer) for timer in timers):
            return minute
        minute += MINUTE
    return None


def _running(moment: datetime, timers: dict[str, str]) -> list[str]:
    """Return what runs in a minute."""
    return [what for timer, what in timers.items() if _matches(moment, timer)]


def _matches(moment: datetime, timer: str) -> bool:
    hour, _, minute = timer.partition(":")
    due = moment.minute % int(minute[2:]) == 0 if minute.startswith("*/") else moment.minute == int(minute)
    return due and hour in {"*", f"{moment:%H}"}


def first_free(begin: datetime, seconds: float, timers: Iterable[str], zone: tzinfo) -> datetime | None:
    """Return the first moment from `begin` on from which `seconds` touch no timer; None: there is none."""
    moment = begin
    while hit := touched(moment, seconds, timers, zone):
        moment = hit + MINUTE
        if moment > begin + HORIZON:
            return None
    return moment


def refuse(config: Config, serving: str, drain_seconds: float, *, accepted: bool) -> None:
    """Refuse a switch that would overlap.

    Args:
        config: the host's, with this run's settings.
        serving: the backend's colour that serves; empty: none does, or it stays.
        drain_seconds: how long its calls may continue.
        accepted: whether it cannot come later: then it says so, and continues.

    Raises:
        Refused: nothing was touched.
    """
    try:
        overlap = ahead(config, serving, drain_seconds)
    except Refused as problem:
        if not accepted:
            raise
        events.note(f"{problem.what} {problem.why} This run continues; check whether something was done twice.")
        return
    if overlap and not accepted:
        raise Refused(overlap.what, overlap.why, f"{overlap.do} Nothing was changed.")
    if overlap:
        events.note(f"{overlap.what} This run continues; check whether something was done twice.")


def report(config: Config, backend: str) -> None:
    """Say so when two backends were up while a timer ran, however long that was reckoned to be.

    The release is done by now: where it cannot be known, that is all it says.

    Args:
        config: the host's, with this run's settings.
        backend: the new colour; the old one has just ended.
    """
    timers: dict[str, str] = config.raw["application_timers"]
    if not timers:
        return
    try:
        _report(config, backend, timers)
    except AgentError as problem:
        events.note(f"It is not known whether timers ran in two backends: {problem.what} {problem.why}")


def _report(config: Config, backend: str, timers: dict[str, str]) -> None:
    started = str(docker.state(colours.present(config, backend))["StartedAt"])[:19]
    begin = datetime.fromisoformat(f"{started}+00:00")
    hit = touched(begin, (now() - begin).total_seconds(), timers, clock(config))
    if hit:
        when = hit.astimezone(clock(config))
        done = "; ".join(_running(when, timers))
        events.note(f"Two backends were up at {when:%H:%M}: {done}. Check whether something was done twice.")
