"""`inv backups`: what a host's program lists, and the table that becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.backup import sets
from aipbx_agent.core import files
from aipbx_agent.core.config import Config
from aipbx_agent.status import listing
from fleet.backup import sets as shown
from fleet.errors import OperatorError
from tests.unit.agent.backup.test_sets import NAME, made

NOW = "2026-11-24T15:30:00Z"


@pytest.fixture
def host(tmp_path: Path) -> Config:
    return Config({"host": "aipbx.org", "app_dir": str(tmp_path)}, {}, {})


def listed(host: Config, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    listing.main(host, None)  # type: ignore[arg-type] # it takes no options
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_nothing(host: Config, capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(host, capsys)
    assert (found["sets"], found["last"], found["host"], found["receivers"]) == ([], {}, "aipbx.org", [])


def test_who_is_notified_of_failures(capsys: pytest.CaptureFixture[str]) -> None:
    secrets = {"ALERT_SLACK_WEBHOOK": "https://hunter2", "ALERT_TELEGRAM_CHAT": "7"}
    assert listed(Config({"host": "h", "app_dir": "/none"}, {}, secrets), capsys)["receivers"] == ["Slack"]


def test_a_row(host: Config, capsys: pytest.CaptureFixture[str]) -> None:
    path = made(host.backups)
    one = listed(host, capsys)["sets"][0]
    assert one["files"] == {"database.dump": 5}
    assert shown.row(one, NOW) == (NAME, "36.5 h", "5 B", "3", "-", "no", "no")
    files.write_json(path / sets.VERIFIED, {"at": "2026-11-22T15:30:00Z", "ok": True})
    files.write_json(path / sets.OFFSITE, {"at": "2026-11-24T15:00:00Z"})
    row = shown.row(listed(host, capsys)["sets"][0], NOW)
    assert row[5:] == ("[green]2 d ago[/green]", "30 min ago")
    files.write_json(path / sets.VERIFIED, {"at": NOW, "ok": False, "error": "rows differ [x]\nmore"})
    assert shown.row(listed(host, capsys)["sets"][0], NOW)[5] == "[red]failed: rows differ \\[x][/red]"


def test_a_damaged_set_is_listed_as_such(host: Config, capsys: pytest.CaptureFixture[str]) -> None:
    (made(host.backups) / sets.MANIFEST).write_text("{")
    one = listed(host, capsys)["sets"][0]
    assert "damaged" in one["problem"]
    assert shown.row(one, NOW)[0] == NAME
    with pytest.raises(OperatorError, match="has no backup set"):
        shown.choose("aipbx.org", [one], "")


def test_which_set_is_meant() -> None:
    there = [{"name": "1"}, {"name": "2"}, {"name": "3", "problem": "x"}]
    assert shown.choose("h", there, "")["name"] == "2"
    assert shown.choose("h", there, "1")["name"] == "1"
    for name in ("3", "4", "../1", "$(id)"):
        with pytest.raises(OperatorError, match="The newest are 1, 2") as refused:
            shown.choose("h", there, name)
        assert repr(name) in refused.value.what
    with pytest.raises(OperatorError, match="No backup has run"):
        shown.choose("h", [], "")


@pytest.mark.parametrize(
    ("then", "told"),
    [
        (NOW, "0 min"),
        ("2026-11-24T15:00:01Z", "30 min"),
        ("2026-11-24T10:18:00Z", "5.2 h"),
        ("2026-11-12T15:30:00Z", "12 d"),
        ("2026-11-24T16:30:00Z", "0 min"),
    ],
)
def test_ages(then: str, told: str) -> None:
    assert shown.ago(then, NOW) == told


def test_which_moments_there_are_and_which_are_missing() -> None:
    told = {
        "windows": [{"since": "2026-11-23T01:30:09Z", "until": "2026-11-23T14:05:59Z"}],
        "gaps": [{"first": "A", "last": "B", "after": "2026-11-22T01:00:00Z", "before": "2026-11-22T02:00:00Z"}],
    }
    assert shown.point("aipbx.org", told) == [
        "aipbx.org: recovery window from 2026-11-23 01:30:09 to 2026-11-23 14:05:59 UTC: "
        "inv restore --at='2026-11-23 14:05:59' --host=aipbx.org",
        "[yellow]aipbx.org: no recovery from 2026-11-22 01:00:00 to 2026-11-22 02:00:00 UTC[/yellow]: "
        "A to B of the WAL are missing.",
    ]
    assert shown.point("aipbx.org", {}) == []
