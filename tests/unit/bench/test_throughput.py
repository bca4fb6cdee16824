"""Backups and restores as they are compared."""

import compileall
import json
import subprocess
from pathlib import Path

import pytest

from bench import throughput
from bench.throughput import Sample, Side, Work


def sample(work: Work, cpus: str, side: Side, seconds: float) -> Sample:
    return Sample(work, cpus, side, seconds, 0.5)


SAMPLES = [
    sample("back up", "1", "manual", 60.0),
    sample("back up", "1", "ours", 20.0),
    sample("back up", "1", "verb", 30.0),
    sample("restore", "1", "manual", 50.0),
    sample("restore", "1", "ours", 25.0),
    sample("restore", "1", "verb", 100.0),
    sample("back up", "1", "manual", 90.0),
    sample("back up", "1", "ours", 20.0),
    sample("back up", "1", "verb", 30.0),
    sample("back up", "1", "manual", 59.0),
    sample("back up", "1", "ours", 99.0),
    sample("back up", "1", "verb", 15.0),
]


def test_the_manual_commands_are_the_usual_ones() -> None:
    assert throughput.manual_back_up("c", "u", "d", "/f") == (
        "bash -c 'set -o pipefail; docker exec c pg_dump -U u -d d --format=custom | gzip >/f'"
    )
    assert throughput.manual_restore("c", "u", "d", "/f") == (
        "bash -c 'set -o pipefail; gunzip </f | docker exec -i c pg_restore -U u -d d --clean --if-exists'"
    )


def test_a_pipe_fails_with_its_first_part() -> None:
    assert subprocess.run(throughput.piped("false | true"), shell=True, check=False).returncode == 1  # noqa: S602


def test_ours_is_the_product_s_own_code(tmp_path: Path) -> None:
    assert throughput.ours("back up", "d", "/f") == "python3 - 'back up' d /f"
    (tmp_path / "ours.py").write_text(throughput.OURS)
    assert compileall.compile_file(tmp_path / "ours.py", quiet=1)


def test_every_other_round_goes_the_other_way() -> None:
    assert [throughput.turns(round_)[0] for round_ in range(3)] == ["manual", "verb", "manual"]
    assert set(throughput.turns(1)) == set(throughput.SIDES)


def test_times_as_fast_are_of_medians() -> None:
    back_up, restore = throughput.rows(SAMPLES)
    assert (back_up.times("ours"), back_up.times("verb")) == (3.0, 2.0)
    assert (restore.times("ours"), restore.times("verb")) == (2.0, 0.5)


def test_the_table_reads_by_itself() -> None:
    assert [line.split("  ")[0] for line in throughput.table(throughput.rows(SAMPLES)).splitlines()[1:]] == [
        "back up",
        "restore",
    ]
    assert "60.0 (59.0-90.0)" in throughput.table(throughput.rows(SAMPLES))


def test_the_report_keeps_every_run_and_the_load_before_it() -> None:
    told = json.loads(json.dumps(throughput.report(SAMPLES, {"cpus": 2})))
    assert told["cpus"] == 2
    assert len(told["runs"]) == len(SAMPLES)
    assert told["runs"][0]["load"] == pytest.approx(0.5)
    assert told["rows"][0]["times_as_fast"] == {"ours": 3.0, "verb": 2.0}
