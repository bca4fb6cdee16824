"""The ledger, also one that a power cut or a hand has damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipbx_agent.release import releases
from aipbx_agent.release.releases import Entry, Release

A, B, C, D = (Release(digit * 40, digit.upper() * 40) for digit in "abcd")


def entry(
    after: Release, result: Literal["ok", "failed"] = "ok", before: Release | None = None, note: str = ""
) -> Entry:
    return Entry("2026-11-23T10:00:00Z", "anna@desk", "deploy", result, 41, before, after, {"backend": "b"}, note)


@given(st.text(), st.booleans())
def test_what_is_written_can_be_read(note: str, first: bool) -> None:
    written = [entry(A, note=note, before=None if first else B), entry(B)]
    assert releases.parse("".join(each.line() for each in written)) == written


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        '{"time": "2026-11-23T1',
        "\0" * 40,
        "5",
        "null",
        "[]",
        '"text"',
        '{"before": null, "after": {"backend": "a"}}',
        '{"before": null, "after": {"backend": "a", "frontend": "b"}}',
        entry(B).line().replace('"operator"', '"colour"'),
    ],
)
def test_a_damaged_line_does_not_hide_the_others(damaged: str) -> None:
    assert releases.parse(f"{entry(A).line()}{damaged}\n{entry(C).line()}") == [entry(A), entry(C)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fix the login", "Fix the login"),
        ("[deploy:1] \x1b[31mred\x1b]0;title\x07", "[deploy:1] [31mred ]0;title"),
        ("two\nlines\r\n\tand a tab\u2028", "two lines and a tab"),
        ("left\u202eright", "left right"),
        ("ё" * 72, "ё" * 72),
        ("ё" * 73, "ё" * 71 + "…"),
        ("\0", ""),
    ],
)
def test_a_subject_moves_no_cursor_and_fits(text: str, shown: str) -> None:
    assert releases.subject(text) == shown


def test_a_ledger_that_a_hand_has_changed_moves_no_cursor_either() -> None:
    evil = replace(entry(A), subjects={"backend": "\x1b[2J"}).line()
    assert releases.parse(evil)[0].subjects == {"backend": "[2J"}
    assert releases.parse(entry(A).line().replace('"subjects": {}', '"subjects": 5')) == []


def test_what_one_entry_knows_of_a_commit_the_others_know_too() -> None:
    told = replace(entry(A), subjects={"backend": "Login", "nonsense": "x"})
    half = Release(A.backend, B.frontend)
    shown = releases.with_subjects([entry(B), told, replace(entry(A), action="rollback"), entry(half)])
    assert [each.subjects for each in shown] == [{}, *[{"backend": "Login"}] * 3]


def test_current_is_the_newest_that_went_well() -> None:
    assert releases.current([]) is None
    assert releases.current([entry(A, "failed")]) is None
    assert releases.current([entry(A), entry(B), entry(C, "failed")]) == entry(B)


def test_kept_are_different_releases_that_went_well_newest_first() -> None:
    ledger = [entry(A), entry(B, note="older"), entry(C, "failed"), entry(A, note="again"), entry(B, note="newer")]
    assert [(each.after, each.note) for each in releases.kept(ledger, 5)] == [(B, "newer"), (A, "again")]
    assert [each.after for each in releases.kept(ledger, 1)] == [B]
    assert releases.kept([], 5) == []


def test_release() -> None:
    assert str(A) == "backend aaaaaaaa, frontend AAAAAAAA"
    assert (A.sha("backend"), A.sha("frontend")) == ("a" * 40, "A" * 40)
    assert A.with_shas({"frontend": "f"}) == Release("a" * 40, "f")
    assert A.with_shas({}) == A


def test_going_back_twice_leads_two_releases_back() -> None:
    deployed = [entry(A), entry(B), entry(C)]
    assert releases.before(deployed, C) == [B, A]
    back = [*deployed, replace(entry(B), action="rollback")]
    assert releases.before(back, B) == [A]
    assert releases.before([*back, replace(entry(A), action="rollback")], A) == []


def test_a_release_deployed_again_is_as_new_as_its_last_deploy() -> None:
    assert releases.before([entry(A), entry(B), entry(A), entry(C, "failed")], A) == [B]


def test_before_a_release_that_the_ledger_does_not_know_was_all_of_it() -> None:
    assert releases.before([entry(A), entry(B)], C) == [B, A]
    assert releases.before([], None) == []


def test_the_ledger_is_read_as_the_operator_lived_it() -> None:
    back_to_a, back_to_b = replace(entry(A), action="rollback"), replace(entry(B), action="rollback")
    lived = [entry(A), entry(B), back_to_a, entry(A), back_to_b, replace(entry(B), action="rotation")]
    assert releases.before(lived, B) == [A]
    assert releases.before(lived[:4], A) == [B], "the way back leads to what ran before, not to nothing"
    assert releases.before([*lived, entry(C)], C) == [B, A], "a deploy is a step forward from wherever one was"


def test_after_a_bad_release_the_way_back_leads_to_the_one_that_ran_and_not_to_another_bad_one() -> None:
    bad_one = [entry(A), entry(B), entry(C), replace(entry(B), action="rollback")]
    assert releases.before([*bad_one, entry(D)], D) == [B, A, C]
    back = [*bad_one, entry(D), replace(entry(B), action="rollback")]
    assert releases.before(back, B) == [A, C]


def test_a_release_serves_since_its_end_and_a_new_password_is_no_release() -> None:
    deployed = Entry("2026-11-23T10:00:00Z", "a@b", "deploy", "ok", 41, None, Release("a" * 40, "b" * 40), {})
    rotated = replace(deployed, time="2026-11-24T10:00:00Z", action="rotation")
    assert releases.since([deployed, rotated]) == "2026-11-23T10:00:41Z"
    assert releases.since([]) == ""


def test_lines_of_earlier_and_of_later_versions_are_read() -> None:
    line = json.loads(replace(entry(A), address="192.0.2.7").line())
    later, earlier = line | {"mood": "good"}, {name: line[name] for name in line if name != "address"}
    assert [(each.after, each.address) for each in releases.of([earlier, later])] == [(A, ""), (A, "192.0.2.7")]
