"""The ledger grows by whole lines, whatever a power cut left of the last one."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.release import ledger, record

ENTRY = {"time": "t", "operator": "o", "action": "deploy", "result": "failed", "note": "Ünïcode\u2028"}
OTHER = json.dumps({**ENTRY, "time": "s"}) + "\n"


@pytest.mark.parametrize("before", ["", OTHER, OTHER * 2, OTHER + '{"time": "2026', '{"time": "2026'])
def test_it_grows_by_a_line(before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config({"app_dir": str(tmp_path)}, {}, {})
    if before:
        ledger.path(config).write_text(before)
    known = ledger.entries(config)
    for _ in range(2):  # who asks twice, as after a lost answer, has it there once
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(ENTRY)))
        record.main(config, argparse.Namespace())
        assert ledger.entries(config) == [*known, ENTRY]
    assert ledger.path(config).read_text().startswith(before)


@pytest.mark.parametrize(
    ("action", "result", "written"),
    [("deploy", "ok", True), ("rollback", "ok", True), ("deploy", "failed", False), ("rotation", "ok", False)],
)
def test_the_banner_says_since_when_a_release_serves(action: str, result: str, written: bool, tmp_path: Path) -> None:
    after = {"backend": "a" * 40, "frontend": "b" * 40}
    entry = {**ENTRY, "time": "2026-11-23T23:59:30Z", "seconds": 41, "action": action, "result": result, "after": after}
    ledger.record(Config({"app_dir": str(tmp_path)}, {}, {}), entry)
    banner = tmp_path / "release"
    assert banner.exists() == written
    if written:
        assert banner.read_text() == "backend aaaaaaaa, frontend bbbbbbbb, since 2026-11-24T00:00:11Z\n"
