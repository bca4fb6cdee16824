"""A restored database against its manifest: every loss is named, and what is no loss is not one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aipbx_agent.backup import compare
from aipbx_agent.databases.contents import Contents

WHOLE = Contents({"public.users": 3, "s.calls": 0}, {"public.users_id_seq": 7}, {"vector": "0.7.0"}, 2, 1)


def test_the_same_is_the_same() -> None:
    assert compare.differences(WHOLE, WHOLE) == []
    assert compare.remarks(WHOLE, WHOLE) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tables": {"public.users": 2, "s.calls": 0}}, "table public.users has 2 rows instead of 3"),
        ({"tables": {"public.users": 3}}, "table s.calls is missing (0 rows)"),
        ({"tables": {**WHOLE.tables, "new": 1}}, "table new was not there before (1 rows)"),
        ({"sequences": {}}, "sequence public.users_id_seq is missing (7 as its last value)"),
        (
            {"sequences": {"public.users_id_seq": 8}},
            "sequence public.users_id_seq has 8 as its last value instead of 7",
        ),
        ({"extensions": {}}, "extension vector is missing"),
        ({"large_objects": 1}, "1 large objects instead of 2"),
        ({"views": 0}, "0 views instead of 1"),
    ],
)
def test_a_difference_is_named(change: dict[str, object], told: str) -> None:
    assert compare.differences(WHOLE, replace(WHOLE, **change)) == [told]  # type: ignore[arg-type] # by name


def test_another_version_of_an_extension_is_no_loss() -> None:
    found = replace(WHOLE, extensions={"vector": "0.8.0"})
    assert compare.differences(WHOLE, found) == []
    assert compare.remarks(WHOLE, found) == ["Extension vector was 0.7.0 and is 0.8.0."]


def test_of_many_differences_the_first_are_shown_and_the_rest_counted() -> None:
    lines = [f"table {number} is missing" for number in range(15)]
    assert compare.shown(lines).endswith("table 11 is missing; and 3 more")
    assert compare.shown(lines[:1]) == "table 0 is missing"


def test_other_properties_of_the_database_are_reported_unless_the_set_has_none() -> None:
    was = Contents({}, properties={"collation": "C", "comment": "ours"}, stays=["subscription news"])
    now = Contents({}, properties={"collation": "C", "connection limit": "3"})
    assert compare.properties(was, now) == ["comment: ours; now: none", "connection limit: none; now: 3"]
    assert compare.properties(Contents({}), now) == []
    assert compare.stays(was) == ["Left out: the subscription news. A restore does not bring it: create it again."]
