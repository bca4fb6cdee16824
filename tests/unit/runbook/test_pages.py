"""The pages of the runbook: complete, the same in both languages, and true."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.runbook import pages
from tests.unit import texts
from tests.unit.runbook import reading

ROOT = Path(__file__).resolve().parents[3]
PAGES = [path for language in pages.LANGUAGES for path in sorted(pages.folder(language).glob("*.md"))]
SECTIONS = {
    "ru": [
        "Признак",
        "Что это значит",
        "Сначала посмотреть",
        "Сделать",
        "Если не помогло",
        "Как вернуть назад",
        "Чего не делать",
    ],
    "en": ["Sign", "What it means", "Look first", "Do", "If it did not help", "How to go back", "Do not"],
}
# The last paragraph of a page: which stories of the lab do what it says.
PLAYED = re.compile(r"`(tests/lab/test_\w+\.py)::(test_\w+)`")
NOT_PLAYED = {"ru": "Эту страницу пока не играет ни одна история.", "en": "No story plays this page yet."}
# Lower it when a story is written; never raise it.
UNPLAYED = 1
# Commands on the operator's machine, and on the provider's console of a host.
FENCE = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^ *```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# Rows of tables and queries have no second line.
LONG = re.compile(r" *(?:\||inv db .* -c )")
SPAN = re.compile(r"`([^`\n]+)`")
# What "do not" names.
FORBIDDEN = {"docker", "rm", "kill"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parts[-3]}-{page.stem}")


def commands(page: Path, fence: re.Pattern[str] = FENCE) -> list[str]:
    """The commands of a page, without comments."""
    lines = [line for block in fence.findall(page.read_text("utf-8")) for line in block.splitlines()]
    stripped = [re.sub(r"(?:^|\s+)# .*$", "", line).strip() for line in lines]
    return [line for line in stripped if line]


def prose(page: Path) -> str:
    """A page without its blocks of commands and output."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


# Words by which `inv runbook` finds a page; no reader sees them.
KEYWORDS = re.compile(r"# [^\n.]{10,80}\n\n<!-- [^\n>]+ -->\n\n")


def test_both_languages_have_the_same_pages() -> None:
    ours, others = ({path.name for path in pages.folder(language).glob("*.md")} for language in pages.LANGUAGES)
    assert ours == others


@every_page
def test_a_page_has_all_sections_in_their_order(page: Path) -> None:
    text = page.read_text("utf-8")
    assert KEYWORDS.match(text), "The title is one sentence, without a full stop; keywords follow in a comment."
    if page.stem != pages.FIRST:
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS[page.parts[-3]]
    assert [line for line in text.splitlines() if len(line) > 120 and not LONG.match(line)] == []


@every_page
def test_the_commands_are_the_same_in_both_languages(page: Path) -> None:
    assert commands(page) == commands(pages.folder("en") / page.name)


@every_page
def test_a_page_names_the_stories_that_play_it(page: Path) -> None:
    last = page.read_text("utf-8").rstrip().rpartition("\n\n")[2]
    played = PLAYED.findall(last)
    assert bool(played) != (last == NOT_PLAYED[page.parts[-3]]), last
    for file, name in played:
        names = {node.name for node in ast.parse((ROOT / file).read_text("utf-8")).body if hasattr(node, "name")}
        assert name in names, f"{file} has no {name}"


def test_pages_that_no_story_plays_only_get_fewer() -> None:
    assert sum(NOT_PLAYED["en"] in page.read_text("utf-8") for page in PAGES) == UNPLAYED


@every_page
def test_every_command_can_be_read_by_its_program(page: Path) -> None:
    for command in commands(page):
        reading.read(command)
    for command in commands(page, CONSOLE):
        reading.read_there(command)
    for span in filter(reading.is_command, SPAN.findall(prose(page))):
        reading.read(span, within=True)


def test_pyinfra_can_read_its_commands() -> None:
    lines = {line for page in PAGES for line in commands(page) if line.startswith("pyinfra ")}
    assert lines
    # pyinfra's program patches the process that imports it.
    script = """
import json, sys
from pyinfra_cli.cli import cli
from fleet.converge.connect import command_line
# What this machine has is another matter.
command_line.operator_keys = command_line.refuse_open_files = lambda: None
for argv in json.load(sys.stdin):
    command_line.check(cli.make_context("pyinfra", argv).params, interactive=True)
"""
    given = json.dumps([shlex.split(line)[1:] for line in sorted(lines)])
    subprocess.run([sys.executable, "-c", script], input=given, text=True, cwd=ROOT, check=True, timeout=60)


@every_page
def test_messages_on_pages_are_ours(page: Path) -> None:
    spans = [span for span in SPAN.findall(prose(page)) if " " in span and not reading.is_command(span)]
    quotes = [span for span in spans if span != pages.PLACEHOLDER and span.split()[0] not in FORBIDDEN]
    assert not [quote for quote in quotes if quote not in texts.plain()]


@pytest.mark.parametrize(
    "command",
    [
        "inv deploy --hots=aipbx.org",
        "inv deploy --host=aipbx.com",
        "inv runbook disk-on-fire",
        "ssh deploy@aipbx.org sudo journalctl -u aipbx-backupp",
        "ssh root@aipbx.org uptime",
        "ssh deploy@aipbx.org sudo journalctl --since '1 hour ago'",
        "ssh deploy@aipbx.org rm -rf /app/aipbx",
        "inv db --host=aipbx.org -c 'selct 1'",
        "rm -rf /var/lib/docker",
    ],
)
def test_a_wrong_command_would_be_noticed(command: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  each parser has its own
        reading.read(command)
