"""`inv runbook`: pages by name, the list, two languages; `inv doctor` finds what no one filled in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fleet.errors import OperatorError
from fleet.runbook import pages
from fleet.status import doctor

ROOT = Path(__file__).resolve().parents[3]
INV = str(Path(sys.executable).with_name("inv"))


@pytest.fixture(autouse=True)
def _no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIPBX_LANGUAGE", raising=False)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("disk-space-low", ["disk-space-low"]),
        ("DiskSpaceLow", ["disk-space-low"]),
        ("SocketIoDown", ["socket-io-down"]),
        ("БАЗЫ", ["restore", "deadlocks", "long-transaction", "database-connections-high", "api-down"]),
        ("бд", ["restore", "deadlocks"]),
        ("диске", ["disk-fills-up", "disk-space-low"]),
        ("диски", ["disk-fills-up", "disk-space-low"]),
        ("ПАМЯТЬ", ["memory-low", "out-of-memory-kill"]),
        ("memory", ["memory-low", "out-of-memory-kill"]),
        ("звонки", ["udp-drops", "host-down"]),
        ("Звонков", ["udp-drops"]),
        ("почта", ["error-ratio-high", "secret-leaked"]),
        ("Сертификаты", ["certificate-expires", "certificate-wrong"]),
        ("сиртификат", ["certificate-expires", "certificate-wrong"]),
        ("утек", ["secret-leaked"]),
        ("УТЁК", ["secret-leaked"]),
        ("растет", ["disk-fills-up"]),
        ("disk full", ["disk-space-low", "disk-fills-up"]),
        ("dsk,space", ["disk-space-low"]),
        ("certifcate", ["certificate-expires", "certificate-wrong"]),
        ("не открывается сайт", ["site-down"]),
        ("lbcr", ["disk-fills-up", "disk-space-low"]),
        ("вшыл", ["disk-fills-up", "disk-space-low"]),
        ("fail2ban", ["locked-out"]),
    ],
)
def test_a_tired_operator_gets_the_page_or_a_short_list(typed: str, found: list[str]) -> None:
    pages_found = pages.matching(typed)
    assert set(found) <= set(pages_found)
    assert len(pages_found) <= 7


@pytest.mark.parametrize("typed", ["xyzzy", "щщщщщ", "!", "и"])
def test_words_of_no_page_lead_to_the_list(typed: str) -> None:
    with pytest.raises(OperatorError, match="lists the pages"):
        pages.matching(typed)


def test_in_a_pipe_it_is_the_page_as_it_is_written_but_for_its_keywords(capsys: pytest.CaptureFixture[str]) -> None:
    title, keywords, *rest = (ROOT / "docs" / "en" / "runbook" / "host-down.md").read_text("utf-8").split("\n\n")
    assert keywords.startswith("<!--")
    pages.show("host-down", "en")
    assert capsys.readouterr().out == "\n\n".join([title, *rest])


def test_the_language_of_a_machine(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pages.show("host-down", "")
    assert "## Сделать" in capsys.readouterr().out
    monkeypatch.setenv("AIPBX_LANGUAGE", "en")
    pages.show("host-down", "")
    assert "## Do\n" in capsys.readouterr().out
    with pytest.raises(OperatorError, match="no language 'de'"):
        pages.show("host-down", "de")


def test_without_a_page_the_list_is_shown() -> None:
    shown = subprocess.run([INV, "runbook", "--language=en"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.strip() for line in shown.stdout.splitlines()]
    assert [line.split()[0] for line in lines if line and line.split()[0] in pages.names()] == pages.names()
    assert any(line.endswith(pages.title("host-down", "en")) for line in lines)


def test_the_doctor_finds_what_no_one_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for language in pages.LANGUAGES:
        page = tmp_path / language / "first-page.md"
        page.parent.mkdir()
        page.write_text("Ann: +7 495 000\n" if language == "ru" else "Ann: `<fill in>`\n")
    monkeypatch.setattr(pages, "folder", lambda language: tmp_path / language)
    found = doctor._runbook()
    assert (found.well, found.text) == (True, "places with <fill in>: 1 in docs/en/runbook/first-page.md")
    assert found.do


def test_nothing_is_left_to_fill_in_where_each_place_was() -> None:
    text = pages._text("first-page", "ru")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert text.count(pages.PLACEHOLDER) == sum(pages.PLACEHOLDER in row for row in rows) > 10
