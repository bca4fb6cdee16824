"""Which stories follow each other in one lab."""

from __future__ import annotations

from fleet.checkout import ROOT
from tests.lab import order


def test_every_story_that_is_named_is_there() -> None:
    there = {path.name for path in (ROOT / "tests" / "lab").glob("test_*.py")}
    assert set(order.FIRST + order.LAST) <= there


def test_stories_of_the_deployed_server_come_last_and_may_go_to_any_lab() -> None:
    story, other, unit = (
        "tests/lab/test_restore.py::test_x[a::b]",
        "tests/lab/test_tls.py::x",
        "tests/unit/restore/test_restore.py::x",
    )
    assert [order.part(node) for node in (story, other, unit)] == ["test_restore.py", "hosts", "hosts"]
    assert order.rank("tests/lab/test_lab.py::x") < order.rank(unit) == order.rank(other) < order.rank(story)


def test_adoption_which_leaves_no_deployed_server_ends_it() -> None:
    ranks = {story: order.rank(f"tests/lab/{story}::x") for story in order.LAST}
    assert max(ranks, key=ranks.__getitem__) == "test_adoption.py"
