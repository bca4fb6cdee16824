"""What `inv releases` shows of a host's ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aipbx_agent.release.releases import Entry, Release
from fleet.release import ledger
from fleet.state import survey

A, B = Release("a" * 40, "b" * 40), Release("c" * 40, "b" * 40)
TOLD = {"backend": "[deploy:1] Login [bold]again[/]", "frontend": "A page"}


def entry(after: Release, subjects: dict[str, str]) -> Entry:
    return Entry("2026-11-26T12:00:00Z", "anna@desk", "deploy", "ok", 9, None, after, {}, subjects=subjects)


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Any:
    entries = [entry(A, TOLD), entry(B, {}), replace(entry(A, {}), action="rollback")]
    monkeypatch.setattr(survey, "take", lambda _: replace(survey.parse({}), entries=entries))
    monkeypatch.setattr(ledger, "_images", lambda _: set())
    return [type("Host", (), {"name": "aipbx.ru"})()]


def test_subjects_are_shown_as_they_are(hosts: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.show(hosts, as_json=False)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "  backend  aaaaaaaa  [deploy:1] Login [bold]again[/]",
        "  frontend bbbbbbbb  A page",
    ]


def test_where_nothing_is_known_nothing_is_said(
    hosts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(survey, "take", lambda _: replace(survey.parse({}), entries=[entry(A, {})]))
    ledger.show(hosts, as_json=False)
    assert "aaaaaaaa" in capsys.readouterr().out.rstrip().splitlines()[-1]


def test_json_has_them(hosts: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.show(hosts, as_json=True)
    told = json.loads(capsys.readouterr().out)["aipbx.ru"]
    assert [each["subjects"] for each in told] == [TOLD, {"frontend": "A page"}, TOLD]
