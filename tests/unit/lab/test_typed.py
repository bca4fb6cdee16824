"""What the demo types: its output comes as it is, and no silence is long."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from lab import typed

SLOW = "import sys, time; print('Installing packages'); print('', flush=True); time.sleep(1); sys.exit(3)"


def test_a_command_that_says_nothing_for_long_is_waited_for_aloud(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(typed, "SILENCE_SECONDS", 0.2)
    assert typed.shown([sys.executable, "-c", SLOW], tmp_path, os.environ) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Installing packages", ""]
    assert re.fullmatch(r"  … Installing packages \(\d+ s\)", lines[2])
