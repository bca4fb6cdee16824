"""Runs that have not ended, as systemd knows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aipbx_agent.core import runs
from aipbx_agent.core.runs import Run
from tests.unit.shell import stub

SYSTEMCTL = """
case "$1 $*" in
list-units*) echo "aipbx-agent-restore.service loaded active running x"
    echo "aipbx-agent-backup.service loaded failed failed x";;
*restore.service) printf 'MainPID=17\\nActiveState=active\\nActiveEnterTimestamp=Sun 2026-11-29 00:00:00 UTC\\n';;
*) printf 'MainPID=0\\nActiveState=failed\\nActiveEnterTimestamp=\\n';;
esac
"""


def test_only_what_has_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(tmp_path, "systemctl", SYSTEMCTL)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert runs.current() == [Run("restore", 17, "Sun 2026-11-29 00:00:00 UTC")]
    assert runs.current()[0].unit == "aipbx-agent-restore.service"


def test_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(tmp_path, "systemctl", "true")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert runs.current() == []
