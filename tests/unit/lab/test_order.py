"""Which stories follow each other in one lab."""

from __future__ import annotations

from fleet.checkout import ROOT
from tests.lab import order

FRESH, HOSTS, OTHER_HOSTS = "tests/lab/test_lab.py", "tests/lab/test_tls.py", "tests/lab/test_drift.py"
SERVER, OTHER_SERVER = "tests/lab/test_restore.py", "tests/lab/test_eyes.py"
UNIT = "tests/unit/restore/test_restore.py"


def test_every_story_that_is_named_is_there() -> None:
    there = {path.name for path in (ROOT / "tests" / "lab").glob("test_*.py")}
    assert set(order.FIRST + order.LAST) <= there


def test_a_file_is_taken_as_a_whole() -> None:
    assert order.part(f"{SERVER}::test_x[a::b]") == SERVER


def test_stories_of_the_deployed_server_follow_those_of_hosts_and_unit_tests_fill_the_end() -> None:
    ranks = [order.rank(f"{file}::x") for file in (FRESH, HOSTS, SERVER, UNIT)]
    assert ranks == sorted(set(ranks))
    assert order.rank(f"{OTHER_HOSTS}::x") == order.rank(f"{HOSTS}::x")


def test_adoption_which_leaves_no_deployed_server_ends_it() -> None:
    ranks = {story: order.rank(f"tests/lab/{story}::x") for story in order.LAST}
    assert max(ranks, key=ranks.__getitem__) == "test_adoption.py"


def test_one_worker_begins_with_hosts_and_the_other_with_the_server() -> None:
    queue = [FRESH, HOSTS, OTHER_SERVER, SERVER, UNIT]
    assert order.following(queue, [], []) == FRESH
    assert order.following(queue[1:], [], [FRESH]) == OTHER_SERVER
    queue = [HOSTS, SERVER, UNIT]
    assert order.following(queue, [FRESH], [OTHER_SERVER]) == HOSTS
    assert order.following(queue, [OTHER_SERVER], [FRESH]) == SERVER


def test_the_fleet_comes_where_hosts_are_converged_already() -> None:
    fleet, first, adoption = (f"tests/lab/test_{name}.py" for name in ("fleet", "deploy", "adoption"))
    queue = [OTHER_SERVER, fleet, adoption, UNIT]
    assert order.following(queue, [HOSTS], [first]) == fleet
    assert order.following(queue, [first], [HOSTS]) == OTHER_SERVER
    assert order.following([HOSTS, *queue], [FRESH], [first]) == HOSTS
    # The first stories of the server are those of its first release.
    assert order.following([first, *queue], [HOSTS], []) == first


def test_where_all_need_the_same_any_worker_takes_the_next() -> None:
    assert order.following([HOSTS, OTHER_HOSTS], [], [FRESH]) == HOSTS
    assert order.following([SERVER, UNIT], [FRESH], [OTHER_SERVER]) == SERVER
    assert order.following([UNIT], [SERVER], [HOSTS]) == UNIT
