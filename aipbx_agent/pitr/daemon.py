"""`aipbx-agent wal`: runs all the time. Takes the WAL over, copies it off this host, and notifies when that lags.

A pass every few seconds: take what PostgreSQL has closed, send what has no copy, look whether all is well, see that a
base backup is made when one is due. What goes wrong is tried again in the next pass, and notified when it lasts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from aipbx_agent.contract import IMAGES
from aipbx_agent.core import config, files, metrics, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Interrupted
from aipbx_agent.databases import engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.monitoring import alerts
from aipbx_agent.pitr import archive, base_backup, window
from aipbx_agent.pitr.collect import take
from aipbx_agent.pitr.segments import Segment
from aipbx_agent.pitr.ship import Shipping
from aipbx_agent.report import notify

STATE = "wal-state.json"
PAUSE = 3.0
# Seconds between two checks of PostgreSQL, between two base backups after one that failed, and after one that did not.
LOOK_SECONDS = 20.0
BASE_SECONDS = 1800.0
NEXT_SECONDS = 30.0
# Reported when it lasts that long: a deploy restarts PostgreSQL, a peer restarts its sshd.
TELL_SECONDS = 120.0
# Seconds for which a closed segment may wait.
WAITS_SECONDS = 60
ASK = """SELECT json_build_object('on', current_setting('archive_mode') = 'on', 'waits', (
    SELECT coalesce(extract(epoch FROM now() - min(modification)), 0) FROM pg_ls_archive_statusdir()
    WHERE name LIKE '%.ready'))"""
# The number that the next transaction will have, and a commit that changes nothing and says its own number.
NEXT, COMMIT = "SELECT pg_snapshot_xmax(pg_current_snapshot())", "SELECT pg_current_xact_id()"


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(_: Config, __: argparse.Namespace) -> None:
    """Do it until it is stopped."""
    watch = Watch()
    with suppress(Interrupted):
        while True:
            try:
                current = config.load()
            except AgentError:
                pass  # before the first `inv env.push` there is no database either
            else:
                if current.dialect == "postgres" and (current.app / IMAGES).exists():
                    watch.turn(current)
            time.sleep(PAUSE)


class Lost(Failed):
    """A part of the log is gone: nothing repairs that by itself."""


class Watch:
    """Pass after pass."""

    def __init__(self) -> None:
        self._shipping = Shipping()
        self._looked = self._tried = -BASE_SECONDS
        self._postgres = ""
        self._newest: Segment | None = None
        self._own = 0
        self._behind: AgentError | None = None
        self._since: float | None = None
        self._told = False

    def turn(self, current: Config) -> None:
        """One pass.

        Args:
            current: the host's configuration, as it is now.
        """
        wrong, lost = [], False
        for work in (self._take, self._shipping.send, self._look):
            try:
                work(current)
            except (AgentError, OSError) as problem:
                wrong.append(str(problem))
                lost = lost or isinstance(problem, Lost)
        self._ended(current, "\n".join(dict.fromkeys(wrong)), at_once=lost)

    def _take(self, current: Config) -> None:
        if take(current):
            archive.prune(current)

    def _look(self, current: Config) -> None:
        """Ask now and then whether segments wait at PostgreSQL, and whether a base backup is due."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._postgres = _archiving_problem(current)
            self._behind = None
            try:
                self._follow(current)
                self._base(current)
            except AgentError as problem:
                self._behind = problem
        if self._postgres:
            raise Failed(self._postgres, "New data is on PostgreSQL's own disk only.", f"inv logs postgres "
                         f"--host={current.host}; du -sh {archive.spool(current)}; df -h")  # fmt: skip
        if self._behind:
            raise self._behind

    def _follow(self, current: Config) -> None:
        """See that something follows the commits of a segment's last second, when no one else writes any more.

        Only the next segment is sure to have them (segments.SURE), and for an empty log PostgreSQL closes none.
        """
        newest = window.newest(archive.kept_segments(archive.wal(current)))
        if newest != self._newest and not self._postgres:
            self._own = _followed(current, self._own)
            self._newest = newest

    def _base(self, current: Config) -> None:
        """Have a base backup made when one is due, and tell that there is none."""
        bases, segments = archive.kept_bases(archive.base(current)), list(archive.kept_segments(archive.wal(current)))
        now = datetime.now(timezone.utc)
        due = base_backup.is_due(bases, segments, now, current.raw["base_time_utc"], int(current.raw["base_days"]))
        last = files.read_json(current.backups / base_backup.STATE)
        failed = last.get("ok") is False
        runs = (due or failed) and _runs()
        pause = BASE_SECONDS if failed else NEXT_SECONDS
        if (due or failed) and not runs and time.monotonic() - self._tried > pause and not self._postgres:
            self._tried = time.monotonic()
            subprocess.run(["systemctl", "start", "--no-block", "aipbx-base.service"], check=False, timeout=60)
        if failed and not runs:
            raise Failed("No new base backup was made.", str(last.get("error")), "It is tried again twice an hour.")
        since = [gap for gap in window.gaps(segments) if bases and gap.before > bases[-1].moment]
        if since:
            lost = since[-1]
            raise Lost(
                f"The WAL has a gap: {lost.first} to {lost.last}.",
                f"No time from {lost.after:%Y-%m-%d %H:%M:%S} to {lost.before:%H:%M:%S} UTC can be restored.",
                "A new base backup is being made; every time from then on can be restored.",
            )

    def _ended(self, current: Config, error: str, *, at_once: bool) -> None:
        now = time.monotonic()
        path = current.backups / STATE
        before = files.read_json(path)
        self._since = (self._since or now) if error else None
        lasts = at_once or bool(self._since and now - self._since > TELL_SECONDS)
        ok = not error or (not lasts and bool(before.get("ok", True)))
        state = _state(current, ok=ok, error=error if lasts else "", sent=self._shipping.until)
        with suppress(OSError):  # a full disk, say: it must not stop the notification
            if {**before, "at": ""} != {**state, "at": ""} or _age(before) > LOOK_SECONDS:
                files.write_json(path, state)
                metrics.write("wal", figures(state))
        if lasts and not self._told:
            self._told = True
            # Lost WAL is reported here in any case: no metric shows it.
            if at_once or not alerts.notifies(current):
                notify.send(
                    current, f"{current.host}: its WAL is not archived: point-in-time recovery would lose data", error
                )
        elif not error and self._told:
            self._told = False
            if not alerts.notifies(current):
                notify.send(
                    current, f"{current.host}: its WAL is archived again", "Every time from now on can be restored."
                )


def figures(state: dict[str, Any]) -> list[str]:
    """Return the metrics for monitoring."""
    begin = "aipbx_wal_"
    return metrics.gauges(
        {
            f"{begin}ok": ("Whether WAL is archived, and copied off this host.", int(state["ok"])),
            f"{begin}checked_timestamp_seconds": ("When that was checked.", _seconds(state["at"])),
            f"{begin}kept_until_timestamp_seconds": (
                "The newest recovery target in what is stored here.",
                _seconds(state["until"]),
            ),
            f"{begin}sent_until_timestamp_seconds": (
                "The newest recovery target in the off-site copies.",
                _seconds(state["sent"]),
            ),
        }
    )


def _state(current: Config, *, ok: bool, error: str, sent: str) -> dict[str, Any]:
    segments = archive.kept_segments(archive.wal(current))
    until = max((segment.until for segment in segments), default=None)
    at = f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else ""
    return {"at": times.now(), "ok": ok, "error": error, "until": at, "sent": sent}


def _archiving_problem(current: Config) -> str:
    """Return what is wrong with PostgreSQL's side of it; empty: nothing."""
    try:
        live = engine.live(current)
        answer = json.loads("".join(live.psql(ASK))) if isinstance(live, Postgres) else {"on": True, "waits": 0}
    except AgentError as problem:
        return f"PostgreSQL cannot be asked: {problem.why}"
    if not answer["on"]:
        return f"PostgreSQL does not archive WAL yet: inv deploy --host={current.host} restarts it."
    if answer["waits"] > WAITS_SECONDS:
        return f"A segment of the log waits for {answer['waits']:.0f} s: PostgreSQL cannot archive it."
    return ""


def _followed(current: Config, own: int) -> int:
    """Commit something, unless the last commit is ours.

    Args:
        current: the host's configuration.
        own: the number of our last commit.

    Returns: the same, now.
    """
    live = engine.live(current)
    if not isinstance(live, Postgres) or int(live.psql(NEXT)[0]) == own + 1:
        return own
    return int(live.psql(COMMIT)[0])


def _runs() -> bool:
    argv = ["systemctl", "is-active", "aipbx-base.service"]
    result = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return result.stdout.strip() in {"active", "activating"}


def _seconds(moment: str) -> float:
    return times.read(moment).timestamp() if moment else 0


def _age(state: dict[str, Any]) -> float:
    return time.time() - _seconds(str(state.get("at", "")))
