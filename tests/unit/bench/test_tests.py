"""The dearest tests of a run, by test, by file and by worker."""

from __future__ import annotations

from bench import tests

RUN: tests.Durations = {
    "tests/lab/test_tls.py::test_first": {"worker": "gw0", "setup": 60.0, "call": 5.5, "teardown": 0.0},
    "tests/lab/test_tls.py::test_again": {"worker": "gw0", "setup": 0.0, "call": 1.0, "teardown": 0.0},
    "tests/unit/test_cli.py::test_words": {"worker": "gw1", "setup": 0.0, "call": 0.25, "teardown": 0.0},
}


def test_the_dearest_come_first_and_set_up_counts() -> None:
    assert tests.table(RUN).splitlines() == [
        "tests: 3, 67 s",
        "    65.5 s  tests/lab/test_tls.py::test_first",
        "     1.0 s  tests/lab/test_tls.py::test_again",
        "     0.2 s  tests/unit/test_cli.py::test_words",
        "",
        "files: 2, 67 s",
        "    66.5 s  tests/lab/test_tls.py",
        "     0.2 s  tests/unit/test_cli.py",
        "",
        "workers: 2, 67 s",
        "    66.5 s  gw0",
        "     0.2 s  gw1",
    ]
