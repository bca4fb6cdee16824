"""`aipbx-agent watch`: whether the last set, the last verified one, or the last with a copy off-site is too old.

It also has PBXs that forgot it, or were out of reach in a deploy, name the backend that serves (pbxs.py), and notifies
when the name of one leads to another address, from which the firewall lets no RTP in.

Every hour. The team is notified when something changes, and once a day while it lasts. The ages of what never was
begin with the first check of this host.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from aipbx_agent.backup import sets
from aipbx_agent.contract import IMAGES
from aipbx_agent.core import events, files, metrics, times
from aipbx_agent.core.config import Config
from aipbx_agent.monitoring import alerts
from aipbx_agent.offsite import copy_sets
from aipbx_agent.pitr import daemon
from aipbx_agent.release.pbx import pbxs
from aipbx_agent.report import notify
from aipbx_agent.stores import configured

STATE = "watch.json"
AGAIN = timedelta(hours=24)
# How old the last good set, the last verified set, and the last verified set with a checked off-site copy may be. Sets
# are taken every day and verified every week, each some hours long.
HOURS = {"backup": 26, "verified": 194, "offsite": 218}
# It is checked all the time, and notifies when it is not kept; whether anyone looks, is asked here.
LOG_HOURS = 1


class Age(NamedTuple):
    """How old the last of something is.

    Args:
        what: it is, for an operator.
        last: when it was taken; None: never.
        since: when it was taken, or when the watch began.
        hours: how old it may be.
    """

    what: str
    last: datetime | None
    since: datetime
    hours: int

    def too_old(self, now: datetime) -> bool:
        """Return whether someone must be notified."""
        return now - self.since > timedelta(hours=self.hours)

    def message(self, now: datetime) -> str:
        """Return one line for an operator."""
        old = f"{(now - self.last).total_seconds() / 3600:.0f} h old" if self.last else "missing: there never was one"
        return f"The last {self.what} is {old} (more than {self.hours} h is too much)."


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Look, and tell."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    path = config.backups / STATE
    state = files.read_json(path)
    began = _moment(state.get("began")) or now
    figures = ages(config, began)
    bad = sorted(kind for kind, age in figures.items() if age.too_old(now))
    for kind, age in figures.items():
        events.note(age.message(now) if kind in bad else f"{kind}: well")
    _figures(figures, bad)
    told_at = _moment(state.get("told_at"))
    if is_news(bad, state.get("bad", []), told_at, now):
        told_at = now
        if not alerts.notifies(config):
            _notify(config, figures, bad, now)
    last = {"began": began.isoformat(), "bad": bad, "told_at": told_at.isoformat() if told_at else None}
    files.write_json(path, {**last, "pbxs_let_in": _moved(config, state.get("pbxs_let_in", []))})
    pbxs.keep(config)
    events.result(too_old=bad)


def ages(config: Config, began: datetime) -> dict[str, Age]:
    """Return how old the last of each kind is.

    Args:
        began: when the watch began.
    """
    looks: dict[str, tuple[str, Callable[[Config, str], bool]]] = {
        "backup": ("backup", lambda _, __: True),
        "verified": ("verified backup", _verified),
    }
    kept = configured.where(config)
    if kept:
        looks["offsite"] = (
            f"verified backup with a checked copy on {kept}",
            lambda config, name: (
                _verified(config, name) and copy_sets.has_copy(sets.folder(config.backups) / name, kept)
            ),
        )
    names = sets.names(config.backups)
    by_name: dict[str, Age] = {}
    for kind, (what, counts) in looks.items():
        newest = next((name for name in reversed(names) if counts(config, name)), None)
        last = sets.moment_of(newest) if newest else None
        by_name[kind] = Age(what, last, last or began, HOURS[kind])
    if (config.app / IMAGES).exists() and config.dialect == "postgres":
        checked_at = _moment(files.read_json(config.backups / daemon.STATE).get("at"))
        by_name["log"] = Age("check WAL archiving (aipbx-wal.service)", checked_at, checked_at or began, LOG_HOURS)
    return by_name


def measure(config: Config) -> None:
    """Write the ages as metrics, between two checks; what is too old is reported by the alerts that read them."""
    began = _moment(files.read_json(config.backups / STATE).get("began"))
    now = datetime.now(timezone.utc)
    figures = ages(config, began or now)
    _figures(figures, sorted(kind for kind, age in figures.items() if age.too_old(now)))


def is_news(bad: list[str], before: list[str], told_at: datetime | None, now: datetime) -> bool:
    """Return whether someone is notified: what is bad changed, or a day has passed and it is bad still."""
    return bad != before or bool(bad and (told_at is None or now - told_at >= AGAIN))


def _verified(config: Config, name: str) -> bool:
    return sets.verified(config.backups, name)


def _notify(config: Config, figures: dict[str, Age], bad: list[str], now: datetime) -> None:
    if not bad:
        notify.send(config, f"{config.host}: backups are recent enough again", "Nothing is too old.")
        return
    text = "\n".join(figures[kind].message(now) for kind in bad)
    notify.send(config, f"{config.host}: backups are too old", f"{text}\nSee: inv backups --host={config.host}")


def _moved(config: Config, before: list[str]) -> list[str]:
    """Report PBXs that have moved to where the firewall lets no RTP in from, and return which ones it lets in.

    Args:
        before: those that it let in at the last look.
    """
    addresses = pbxs.addresses(config)
    for name in sorted(set(before) & set(addresses.shut_out)):
        title = f"{config.host}: calls of a PBX have no sound: its address has changed"
        where = f"{name} is at {addresses.shut_out[name]} now, from where the firewall lets no RTP in."
        do = f"Put that into pbx_addresses, then: pyinfra inventory.py deploys/bootstrap.py --limit {config.host}"
        notify.send(config, title, f"{where}\n{do}")
    # A name that does not resolve at the moment has not moved.
    return sorted({*before, *addresses.let_in} - set(addresses.shut_out))


def _figures(figures: dict[str, Age], bad: list[str]) -> None:
    lines = []
    for kind, age in figures.items():
        of = f'{{of="{kind}"}}'
        lines.append(f"aipbx_agent_last_timestamp_seconds{of} {age.last.timestamp() if age.last else 0:.0f}")
        lines.append(f"aipbx_agent_alert_after_seconds{of} {age.hours * 3600}")
        lines.append(f"aipbx_agent_too_old{of} {int(kind in bad)}")
    metrics.write("watch", lines)


def _moment(text: object) -> datetime | None:
    return times.read(text) if isinstance(text, str) else None
