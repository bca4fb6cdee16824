"""What a shell completes."""

from __future__ import annotations

from pathlib import Path

import pytest

import tasks
from fleet.command_line import completion


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def after(typed: str) -> list[str]:
    words = typed.replace("=", " ").split()
    return completion.candidates(words, fresh=typed.endswith((" ", "=")), namespace=tasks.namespace)


@pytest.mark.parametrize("typed", ["deploy --host=", "deploy --host aip", "deploy --yes ", "rollback "])
def test_hosts_and_groups(typed: str) -> None:
    assert {"aipbx.org", "production", "all"} <= set(after(typed))


def test_services_and_states() -> None:
    assert {"backend", "postgres", "aipbx.org"} <= set(after("logs "))
    assert {"on", "off"} <= set(after("maintenance "))
    assert after("deploy --service=") == ["postgres", "backend", "frontend", "nginx"]


def test_pages_of_the_runbook() -> None:
    assert "first-page" in after("runbook ")
    assert "aipbx.org" not in after("runbook ")


def test_sets_and_shas_that_were_shown_here() -> None:
    assert after("rollback --to=") == []
    completion.remember("shas", ["aaaaaaaa", "bbbbbbbb", "aaaaaaaa"])
    completion.remember("sets", ["20261123T030000Z"])
    assert after("rollback --to=") == after("deploy --sha ") == ["aaaaaaaa", "bbbbbbbb"]
    assert "20261123T030000Z" in after("restore ")


@pytest.mark.parametrize("typed", ["", "dep", "deploy --", "nonsense "])
def test_verbs_and_options_are_invokes_own(typed: str) -> None:
    assert after(typed) == []
