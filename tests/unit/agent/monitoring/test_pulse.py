"""That monitoring is broken is reported by the agent, once, and so is its end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.monitoring import alerts, pulse
from aipbx_agent.report import notify


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(pulse, "STATE", tmp_path / "broken.json")
    monkeypatch.setattr(notify, "send", lambda _, title, text: found.append(f"{title}: {text}"))
    return found


def looked(monkeypatch: pytest.MonkeyPatch, why: str, at: float) -> None:
    monkeypatch.setattr(alerts, "summary", lambda _: {"works": not why, "why": why})
    monkeypatch.setattr(time, "time", lambda: at)
    pulse.watch(Config({"host": "aipbx.ru"}, {}, {}))


def test_what_lasts_is_reported_once_and_its_end(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for at in (0, 30, 590):
        looked(monkeypatch, "alertmanager of aipbx.ru does not answer.", at)
    assert told == []
    for at in (600, 630, 9000):
        looked(monkeypatch, "alertmanager of aipbx.ru does not answer.", at)
    assert len(told) == 1
    assert told[0].startswith("aipbx.ru: monitoring does not work: alertmanager of aipbx.ru does not answer.")
    for at in (9030, 9060):
        looked(monkeypatch, "", at)
    assert len(told) == 2
    assert told[1].startswith("aipbx.ru: monitoring works again")


def test_a_short_break_is_not_reported_and_does_not_count_later(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for why, at in (("down", 0), ("", 30), ("down", 590), ("down", 700), ("", 730)):
        looked(monkeypatch, why, at)
    assert told == []
