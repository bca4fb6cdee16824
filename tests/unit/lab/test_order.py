"""Which stories share a lab."""

from __future__ import annotations

from fleet.access import ROOT
from tests.lab import order


def test_every_story_that_is_named_is_there() -> None:
    there = {path.name for path in (ROOT / "tests" / "lab").glob("test_*.py")}
    assert set(order.FIRST + order.LAST) <= there


def test_stories_of_the_deployed_server_stay_together_and_come_last() -> None:
    story, other, unit = (
        "tests/lab/test_restore.py::test_x[a::b]",
        "tests/lab/test_tls.py::x",
        "tests/unit/data/test_restore.py::x",
    )
    assert [order.part(node) for node in (story, other, unit)] == ["application", "hosts", "hosts"]
    assert order.rank("tests/lab/test_lab.py::x") < order.rank(unit) == order.rank(other) < order.rank(story)
