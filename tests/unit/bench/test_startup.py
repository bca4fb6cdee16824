"""`inv --list` under a clock."""

from __future__ import annotations

import compileall
from pathlib import Path

import pytest

from bench import startup
from bench.startup import Startup
from fleet.errors import OperatorError


def test_the_ratio_is_of_medians_so_that_one_slow_run_does_not_count() -> None:
    measured = Startup(ours=(0.2, 0.24, 9.0), empty=(0.2, 0.1, 0.2))
    assert measured.ratio == pytest.approx(1.2)
    assert str(measured) == "inv --list: 0.240 s, an empty tasks file 0.200 s (medians of 3): 1.20 times as long"


def test_the_tasks_file_to_compare_with_is_one(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(startup.EMPTY)
    assert compileall.compile_file(tmp_path / "tasks.py", quiet=1)
    assert startup._seconds(tmp_path) > 0


def test_a_list_that_fails_is_no_measurement(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(OperatorError, match="inv --list failed"):
        startup._seconds(tmp_path)
