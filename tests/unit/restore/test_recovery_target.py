"""A moment as operators type it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aipbx_agent.core.errors import Refused
from aipbx_agent.pitr import targets
from fleet.errors import OperatorError
from fleet.restore import recovery_target

FIVE_PAST_TWO = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "past"),
    [
        ("2026-11-23 14:05", 0),
        (" 2026-11-23T14:05:00Z ", 0),
        ("2026-11-23 14:05 UTC", 0),
        ("2026-11-23 17:05 +03:00", 0),
        ("2026-11-23 17:05+0300", 0),
        ("2026-11-23 17:05 Europe/Moscow", 0),
        ("2026-11-23 14:05:07.25", 7.25),
    ],
)
def test_what_is_understood(text: str, past: float) -> None:
    found = recovery_target.parse(text)
    assert found == FIVE_PAST_TWO + timedelta(seconds=past)
    assert targets.moment(recovery_target.named(found)) == found


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "14:05", "2026-11-23", "2026-13-23 14:05", "2026-11-23 25:05", "23.11.2026 14:05",
     "2026-11-23 14:05 MSK", "2026-11-23 14:05 Moon/Base", "2026-10-25 02:30 Europe/Berlin", "2026-11-23 14:05; id"],
)  # fmt: skip
def test_what_is_not(text: str) -> None:
    with pytest.raises(OperatorError, match="is not a valid time"):
        recovery_target.parse(text)


def test_how_it_is_shown() -> None:
    assert recovery_target.shown(FIVE_PAST_TWO) == "2026-11-23 14:05:00 UTC"
    for past, text in ((65, "1 min 5 s ago"), (3 * 3600 + 120, "3 h 2 min ago"), (90 * 3600, "3 days ago")):
        assert recovery_target.since(FIVE_PAST_TWO, FIVE_PAST_TWO + timedelta(seconds=past)) == text


def test_what_is_still_to_come_is_refused() -> None:
    with pytest.raises(Refused, match="in the future"):
        targets.refuse_future(datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(Refused, match="is not a valid time"):
        targets.moment("@2026-11-31T14:05:00Z")
