"""A line a step, on standard error: what a script reads stays clean."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console
from rich.table import Table

from fleet import output
from fleet.output import Steps, how_far, say, speaking_for, step, uncut


def test_a_step_that_went_well(capsys: pytest.CaptureFixture[str]) -> None:
    with step("pull [bold]x[/bold] [/app]"):
        say("within [it]", "yellow")
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"within \[it\]\n  ✓ pull \[bold\]x\[/bold\] \[/app\] \(0\.\d s\)\n", err)


def test_a_step_that_failed_is_marked_and_raises(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), step("backend ready"):
        raise KeyboardInterrupt
    assert re.fullmatch(r"  ✗ backend ready \(0\.\d s\)\n", capsys.readouterr().err)


def test_a_long_line_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say("x" * 500)
    assert capsys.readouterr().err == "x" * 500 + "\n"


def test_several_at_once_say_whose_lines_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking_for("aipbx.org"), step("database healthy"):
        say("aipbx.org: first\nsecond")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["aipbx.org first", "aipbx.org second"]
    assert lines[2].startswith("aipbx.org   ✓ database healthy (")


def test_what_takes_long_says_so_where_nothing_moves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "REMIND_SECONDS", 0.05)
    with speaking_for("aipbx.org"), step("pull [x]"):
        time.sleep(0.2)
    with Steps() as steps:
        steps.begin("backend ready")
        time.sleep(0.2)
        steps.end("backend ready", 0.2, good=True)
    time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "aipbx.org   … pull [x] (0 s)"
    assert "  … backend ready (0 s)" in lines
    assert lines[-1] == "  ✓ backend ready (0.2 s)"


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [(0, 1024, "0 % of 1.0 KiB"), (512, 1024, "50 % of 1.0 KiB"), (250_000, 1024, "244.1 KiB"), (5, 0, "5 B")],
)
def test_no_percentage_where_the_whole_is_unknown_or_was_guessed_too_small(done: int, total: int, shown: str) -> None:
    assert how_far(done, total) == shown


def test_a_narrow_table_never_cuts_what_is_typed_elsewhere() -> None:
    table = Table(*uncut("host", "set (UTC)"), "age", "size", "rows", "release", "verified", "off-site")
    many = ["3 h", "1.4 GiB", "1200000", "backend aaaaaaaa, frontend bbbbbbbb", "2026-11-23 03:00", "2026-11-23 03:00"]
    table.add_row("aipbx.org", "20261123T030000Z", *many)
    narrow = Console(file=io.StringIO(), width=80, force_terminal=True)
    narrow.print(table)
    assert "20261123T030000Z" in narrow.file.getvalue()  # type: ignore[attr-defined]
