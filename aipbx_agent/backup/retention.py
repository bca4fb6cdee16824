"""Which sets stay: of the last days, weeks and months one each, and what must never go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

PERIODS: dict[str, Callable[[datetime], str]] = {
    "days": lambda moment: moment.strftime("%Y-%m-%d"),
    "weeks": lambda moment: moment.strftime("%G-%V"),
    "months": lambda moment: moment.strftime("%Y-%m"),
}
# So many of the newest verified ones stay, however old: one of them may turn out to hold what someone has deleted.
VERIFIED_KEPT = 2
# All of the last day stay: a set taken before an experiment must outlive one taken after it.
RECENT = timedelta(hours=24)


def kept(moments: Mapping[str, datetime], keep: Mapping[str, int], verified: Collection[str]) -> set[str]:
    """Return the sets that stay.

    Periods count only when there is a set of them: after a month without backups, nothing has become old.

    Args:
        moments: when each was taken, by name, in UTC.
        keep: how many days, weeks and months keep their newest one.
        verified: the names of those that were restored and found equal.
    """
    newest_first = sorted(moments, key=lambda name: (moments[name], name), reverse=True)
    stay = {*newest_first[:1], *[name for name in newest_first if name in verified][:VERIFIED_KEPT]}
    if newest_first:
        stay |= {name for name in moments if moments[newest_first[0]] - moments[name] <= RECENT}
    for period, of in PERIODS.items():
        newest: dict[str, str] = {}
        for name in newest_first:
            newest.setdefault(of(moments[name]), name)
        stay |= set(list(newest.values())[: keep[period]])
    return stay
