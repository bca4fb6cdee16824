"""Which moments can be restored, from names alone."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest

from aipbx_agent.pitr import base_backup, segments, window
from aipbx_agent.pitr.segments import BYTES, Base, Segment

BEGAN = datetime(2026, 11, 23, tzinfo=UTC)
SYSTEM = 0x6F00000000000001


def at(minute: float) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def closed(number: int, system: int = SYSTEM) -> Segment:
    """A segment a minute, each closed a minute after the one before."""
    return Segment(system, 1, number, at(number))


def log(*numbers: int) -> list[Segment]:
    return [closed(number) for number in numbers]


def made(number: int, size: int = 100) -> Base:
    """A base backup that begins in a segment and ends ten seconds after it was closed."""
    return Base(Segment(SYSTEM, 1, number, at(number) + timedelta(seconds=10)), number, size)


def test_a_name_says_what_it_is() -> None:
    one = Segment(SYSTEM, 1, 0x1FF, BEGAN)
    assert one.name == "6f00000000000001-0000000100000001000000FF-20261123T000000Z"
    assert segments.parse(f"{one.name}.wal.zst.age") == one
    assert segments.number("0000000100000001000000FF") == (1, 0x1FF)
    for other in ("probe", one.name[:-1], f"x{one.name}", one.name.replace("20261123", "20261323")):
        assert segments.parse(other) is None


@pytest.mark.parametrize(
    ("address", "info", "size", "why"),
    [(7, 2, BYTES, ""), (8, 2, BYTES, "another segment"), (7, 0, BYTES, "another"), (7, 2, BYTES * 4, "are not known")],
)
def test_a_segment_names_its_system(address: int, info: int, size: int, why: str) -> None:
    head = struct.pack("<HHIQIIQII", 0xD113, info, 1, address * BYTES, 0, 0, SYSTEM, size, 8192)
    if not why:
        assert segments.system_of(head, "000000010000000000000007") == SYSTEM
        return
    with pytest.raises(ValueError, match=why):
        segments.system_of(head, "000000010000000000000007")


def test_a_segment_that_is_cut_off() -> None:
    with pytest.raises(ValueError, match="cut off"):
        segments.system_of(b"\x13\xd1", "000000010000000000000007")


def test_one_window_from_the_first_base_backup_to_the_last_segment() -> None:
    (found,) = window.windows([made(2), made(5)], log(1, 2, 3, 4, 5, 6, 7))
    assert (found.since, found.until, found.base) == (made(2).moment, closed(7).until, made(5))
    assert window.gaps(log(1, 2, 3)) == []


def test_a_gap_ends_a_window_and_a_base_backup_after_it_begins_one() -> None:
    there = log(2, 3, 6, 7, 8)
    first, second = window.windows([made(2), made(7)], there)
    assert (first.until, second.since) == (closed(3).until, made(7).moment)
    (gap,) = window.gaps(there)
    assert (gap.first, gap.last) == ("000000010000000000000004", "000000010000000000000005")
    assert (gap.after, gap.before) == (closed(3).until, closed(6).moment)


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        (2.1, None),  # before the base backup was complete
        (2.5, (2, [2, 3, 4])),
        (4.9, (2, [2, 3, 4, 5, 6])),
        (5.5, (5, [5, 6, 7])),
        (6.98, (5, [5, 6, 7])),
        (6.99, None),  # within a second before a segment was closed, a commit may be in the next
    ],
)
def test_what_a_moment_needs(minute: float, expected: tuple[int, list[int]] | None) -> None:
    found = window.needed([made(2), made(5)], log(2, 3, 4, 5, 6, 7), at(minute))
    assert (found and (found.base.first.number, [one.number for one in found.segments])) == expected


def test_no_moment_in_a_gap_and_none_from_the_log_of_another_server() -> None:
    assert window.needed([made(2)], log(2, 3, 5, 6), at(4)) is None
    assert window.needed([made(2)], [closed(2, 7), closed(3, 7)], at(2.5)) is None


def test_the_newest_base_backup_and_all_since_stays_and_the_rest_goes_by_age() -> None:
    day = 24 * 60
    bases = [made(0), made(day), made(2 * day), made(3 * day)]
    sizes = {closed(number): 1 for number in (0, 1, day - 1, day, 2 * day, 3 * day)}
    gone = window.expired(bases, sizes, at(4 * day), days=2, most=10**6)
    # To reach two days back, the one before that is needed.
    assert gone == {made(0).name, *(closed(number).name for number in (0, 1, day - 1))}
    assert window.expired(bases[:1], sizes, at(400 * day), days=2, most=1) == set()
    assert window.expired([], sizes, at(400 * day), days=2, most=1) == set()


def test_too_much_of_it_goes_before_its_time_but_never_the_newest() -> None:
    bases, sizes = [made(0), made(10), made(20)], {closed(number): 10 for number in range(30)}
    gone = window.expired(bases, sizes, at(30), days=7, most=100 + 100 + 10 * 20)
    assert gone == {made(0).name, *(closed(number).name for number in range(10))}
    assert made(20).name not in window.expired(bases, sizes, at(30), days=7, most=1)


def test_the_log_of_an_earlier_server_goes_with_its_base_backups() -> None:
    old = [closed(number, 7) for number in (1, 2)]
    gone = window.expired([made(5)], dict.fromkeys([*old, *log(5)], 1), at(9), days=1, most=10**6)
    assert gone == {one.name for one in old}


@pytest.mark.parametrize(
    ("bases", "there", "now", "expected"),
    [
        ([], log(1), 5, True),
        ([made(2)], log(2, 3, 4), 5, False),
        ([made(2)], log(2, 3, 5), 5, True),  # a gap
        ([made(2)], [*log(2), closed(9, 7)], 10, True),  # another server
        ([made(2)], log(2, 3), 24 * 60 + 29, False),
        ([made(2)], log(2, 3), 24 * 60 + 31, True),
    ],
)
def test_when_a_base_backup_is_due(bases: list[Base], there: list[Segment], now: float, expected: bool) -> None:
    assert base_backup.is_due(bases, there, at(now), "00:30", 2) is expected
