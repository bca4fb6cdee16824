"""Names beside the live ones: no two kinds share one, none is too long, and only leftovers are taken for such."""

from __future__ import annotations

from aipbx_agent.databases import names

LABEL = "20261123T030000Z"


def test_a_name_has_its_kind_and_set() -> None:
    assert names.database("aipbx", names.BEFORE, LABEL) == "aipbx_before_20261123T030000Z"
    assert names.folder(names.RESTORED, LABEL) == "_data.restore-20261123T030000Z"


def test_a_long_name_is_cut_between_two_letters() -> None:
    long = names.database("п" * 31, names.RESTORED, LABEL)
    assert len(long.encode()) <= names.LONGEST
    assert long == "п" * 19 + f"_restore_{LABEL}"


def test_only_what_a_restore_under_way_may_have_is_left_over() -> None:
    live = "aipbx"
    ours = [names.database(live, kind, LABEL) for kind in (names.COPY, names.RESTORED)]
    others = [names.database(live, kind, LABEL) for kind in (names.BEFORE, names.AFTER, names.LOOK)]
    foreign = ["postgres", live, f"other_restore_{LABEL}", "aipbx_restore_me", f"aipbx_restore_{LABEL}_2"]
    assert names.left_over(live, [*others, *foreign, *ours]) == sorted(ours)
