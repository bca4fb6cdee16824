"""Which sets stay, whatever was kept and verified until now."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aipbx_agent.backup.retention import RECENT, VERIFIED_KEPT, kept

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
KEEP = {"days": 7, "weeks": 4, "months": 6}
MOMENTS = st.lists(st.integers(0, 500 * 24).map(lambda hours: NOW - timedelta(hours=hours)), unique=True).map(
    lambda moments: {f"{moment:%Y%m%dT%H%M%SZ}": moment for moment in moments}
)
KEEPS = st.fixed_dictionaries({name: st.integers(0, 12) for name in KEEP})


def nightly(nights: int) -> dict[str, datetime]:
    return {f"{night}": NOW - timedelta(days=night) for night in range(nights)}


def test_after_a_year_of_nights() -> None:
    stay = sorted(int(name) for name in kept(nightly(365), KEEP, []))
    # 7 days, the Sundays of 4 weeks, the last days of 6 months.
    assert stay == [0, 1, 2, 3, 4, 5, 6, 8, 15, 23, 54, 84, 115, 146]


def test_a_month_without_backups_makes_nothing_old() -> None:
    moments = {name: moment - timedelta(days=40) for name, moment in nightly(7).items()}
    assert kept(moments, KEEP, []) == set(moments)


def test_a_set_from_before_a_trial_outlives_sets_from_after_it() -> None:
    moments = {f"{hours}": NOW - timedelta(hours=hours) for hours in (0, 1, 5, 23, 25, 30)}
    assert kept(moments, KEEP, []) == {"0", "1", "5", "23", "30"}


@given(MOMENTS, KEEPS, st.data())
def test_the_newest_and_the_newest_verified_always_stay(
    moments: dict[str, datetime], keep: dict[str, int], data: st.DataObject
) -> None:
    verified = data.draw(st.sets(st.sampled_from(sorted(moments)))) if moments else set()
    stay = kept(moments, keep, verified)
    newest_first = sorted(moments, reverse=True)
    assert stay <= set(moments)
    assert set(newest_first[:1]) <= stay
    assert {name for name in newest_first if name in verified} - stay == {
        name for name in [name for name in newest_first if name in verified][VERIFIED_KEPT:] if name not in stay
    }
    assert all(name in stay for name in moments if moments[newest_first[0]] - moments[name] <= RECENT)


@given(MOMENTS, KEEPS)
def test_as_many_periods_stay_as_are_asked_for_or_exist(moments: dict[str, datetime], keep: dict[str, int]) -> None:
    stay = kept(moments, keep, [])
    for period, form in (("days", "%Y-%m-%d"), ("weeks", "%G-%V"), ("months", "%Y-%m")):
        periods = sorted({moment.strftime(form) for moment in moments.values()}, reverse=True)
        covered = {moments[name].strftime(form) for name in stay}
        assert set(periods[: keep[period]]) <= covered


@given(MOMENTS, KEEPS)
def test_what_stays_once_stays_when_asked_again(moments: dict[str, datetime], keep: dict[str, int]) -> None:
    stay = kept(moments, keep, [])
    assert kept({name: moments[name] for name in stay}, keep, []) == stay


@given(MOMENTS, KEEPS)
def test_keeping_more_never_loses_one(moments: dict[str, datetime], keep: dict[str, int]) -> None:
    more = {name: count + 1 for name, count in keep.items()}
    assert kept(moments, keep, []) <= kept(moments, more, [])
