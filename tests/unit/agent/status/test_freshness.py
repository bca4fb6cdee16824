"""When someone is told that backups are too old."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.backup import sets
from aipbx_agent.core import files, metrics
from aipbx_agent.core.config import Config
from aipbx_agent.release.pbx import pbxs
from aipbx_agent.release.pbx.pbx_addresses import Addresses
from aipbx_agent.report import notify
from aipbx_agent.status import freshness

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


@pytest.mark.parametrize(
    ("bad", "before", "told_ago", "news"),
    [
        ([], [], None, False),
        (["backup"], [], None, True),
        (["backup"], ["backup"], timedelta(hours=23), False),
        (["backup"], ["backup"], DAY, True),
        (["backup", "offsite"], ["backup"], timedelta(hours=1), True),
        ([], ["backup"], timedelta(hours=1), True),
    ],
)
def test_a_notice_goes_out_on_a_change_and_once_a_day(
    bad: list[str], before: list[str], told_ago: timedelta | None, news: bool
) -> None:
    told_at = NOW - told_ago if told_ago is not None else None
    assert freshness.is_news(bad, before, told_at, NOW) is news


@pytest.fixture
def config(tmp_path: Path) -> Config:
    raw: dict[str, Any] = {
        "host": "aipbx.org",
        "app_dir": str(tmp_path),
        "switch_mode": "recreate",
        "pbx_addresses": [],
        "offsite": {"kind": "sftp", "host": "aipbx.net"},
    }
    return Config(raw, {}, {})


def make(config: Config, hours_ago: int, *, verified: bool = False, where: str = "") -> None:
    path = sets.folder(config.backups) / sets.name_of(NOW - timedelta(hours=hours_ago))
    path.mkdir(parents=True)
    (path / sets.MANIFEST).write_text("{}")
    if verified:
        files.write_json(path / "verified.json", {"ok": True})
    if where:
        files.write_json(path / sets.OFFSITE, {"checked_at": "…", "where": where})


def too_old(config: Config, began: datetime = NOW - timedelta(days=90)) -> list[str]:
    return sorted(kind for kind, age in freshness.ages(config, began).items() if age.too_old(NOW))


def test_a_host_where_all_is_well(config: Config) -> None:
    make(config, 9)
    make(config, 9 + 7 * 24, verified=True, where="sftp://aipbx.net")
    assert too_old(config) == []


def test_a_set_counts_off_site_only_when_it_is_verified_copied_and_there(config: Config) -> None:
    make(config, 1, verified=True)
    make(config, 2, where="sftp://aipbx.net")
    make(config, 3, verified=True, where="s3://elsewhere")
    assert too_old(config) == ["offsite"]
    make(config, 4, verified=True, where="sftp://aipbx.net")
    assert too_old(config) == []


def test_what_never_was_is_too_old_when_there_was_time_for_it(config: Config) -> None:
    assert too_old(config, began=NOW - timedelta(hours=1)) == []
    assert too_old(config, began=NOW - timedelta(hours=30)) == ["backup"]
    assert too_old(config) == ["backup", "offsite", "verified"]


def test_without_a_store_its_age_is_not_asked(config: Config) -> None:
    config.raw["offsite"] = {}
    assert too_old(config) == ["backup", "verified"]


def test_a_run_notifies_writes_metrics_and_keeps_its_state(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    figures: list[str] = []
    monkeypatch.setattr(notify, "send", lambda _, title, text: told.append((title, text)))
    monkeypatch.setattr(metrics, "write", lambda _, lines: figures.extend(lines))
    make(config, 24 * 300)
    for _ in range(2):
        freshness.main(config, None)  # type: ignore[arg-type]
    assert [title for title, _ in told] == ["aipbx.org: backups are too old"]
    assert "The last backup is" in told[0][1]
    assert 'aipbx_agent_too_old{of="backup"} 1' in figures
    assert 'aipbx_agent_too_old{of="offsite"} 0' in figures  # there was no time for it yet
    assert 'aipbx_agent_last_timestamp_seconds{of="verified"} 0' in figures


def test_a_pbx_that_moves_out_of_the_firewalls_addresses_is_reported_once(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    let_in = Addresses(["a", "b"], {"never let in": "203.0.113.1"})
    now = [let_in]
    config.backups.mkdir()
    monkeypatch.setattr(notify, "send", lambda _, title, text: told.append((title, text)))
    monkeypatch.setattr(metrics, "write", lambda *_: None)
    monkeypatch.setattr(pbxs, "addresses", lambda _: now[0])
    monkeypatch.setattr(freshness, "is_news", lambda *_: False)
    does_not_resolve, moved = Addresses(["a"], {}), Addresses(["a"], {"b": "203.0.113.9"})
    for now[0] in (let_in, does_not_resolve, moved, moved):
        freshness.main(config, None)  # type: ignore[arg-type]
    ((title, text),) = told
    assert title == "aipbx.org: calls of a PBX have no sound: its address has changed"
    assert text.startswith("b is at 203.0.113.9 now, from where the firewall lets no RTP in.\nPut that into pbx_addr")
    for now[0] in (Addresses(["a", "b"], {}), Addresses(["a"], {"b": "203.0.113.10"})):
        freshness.main(config, None)  # type: ignore[arg-type]
    assert len(told) == 2, "it moved again"
