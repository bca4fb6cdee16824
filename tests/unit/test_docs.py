"""Pages that operators read: short, with links that lead somewhere and commands that exist."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks
from fleet.env import reference
from fleet.release import hooks
from tests.unit import texts

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path for depth in ("*", "[a-z]*/*", "docs/*/*/*") for path in sorted(ROOT.glob(f"{depth}.md"))]
MOST_LINES = 150
MOST_WORDS = 40
LIST_ITEM = re.compile(r"\s*(?:[-*]|\d+\.) ")
LINK = re.compile(r"\]\(([^)\s]+)\)")
VERB = re.compile(r"\binv ([a-z]+(?:\.[a-z-]+)?)")
FOLDERS = "aipbx_agent|bench|deploys|env|files|fleet|group_data|hooks|lab|operators|templates|tests|tools"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./-]*)`")
COMMAND = re.compile(r"^\s*inv ([a-z.-]+)(.*?)(?: # | -- |$)", re.MULTILINE)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def written(page: Path) -> str:
    """The part of a page that was written by hand."""
    return page.read_text("utf-8").partition(reference.BEGIN)[0]


def prose(text: str) -> Iterator[str]:
    """The paragraphs and list items of a page, without code, tables and headings."""
    fenced, lines = False, list[str]()
    for line in [*text.splitlines(), ""]:
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        apart = fence or fenced or not line.strip() or line.lstrip().startswith(("|", "#")) or line.startswith("    ")
        if (apart or LIST_ITEM.match(line)) and lines:
            yield " ".join(lines)
            lines = []
        if not apart:
            lines.append(line.strip())


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= MOST_LINES


def shown(page: str) -> list[str]:
    """What a page has in blocks, without comments, and the verbs of its table."""
    text = (ROOT / page).read_text("utf-8")
    blocks = "".join(re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL))
    rows = re.findall(r"^\| (`inv .*?) \|", text, re.MULTILINE)
    return [*re.sub(r" +# .*", "", blocks).splitlines(), *(verb for row in rows for verb in re.findall("`(.+?)`", row))]


def test_both_readmes_show_the_same_commands() -> None:
    ours = shown("README.md")
    assert "inv lab.up" in ours
    assert shown("README.ru.md") == ours


@every_page
def test_paragraphs_are_short(page: Path) -> None:
    long = {part[:60]: len(part.split()) for part in prose(written(page)) if len(part.split()) > MOST_WORDS}
    assert not long


def test_a_long_paragraph_would_be_noticed() -> None:
    text = "# Title\n\none two\nthree\n- four\n\n```sh\nno prose\n```\n| no | prose |\n"
    assert list(prose(text)) == ["one two three", "- four"]


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert not [link for link in targets if not (page.parent / link.partition("#")[0]).exists()]


@every_page
def test_paths_exist(page: Path) -> None:
    own = {f"hooks/{name}" for name in typing.get_args(hooks.Moment)} | {"env/recipients.txt"}
    own |= {"env/aipbx.org.env", "env/.sops.yaml"}
    assert not [path for path in set(PATH.findall(written(page))) - own if not (ROOT / path).exists()]


@pytest.mark.parametrize("package", ["fleet", "aipbx_agent", "lab"])
def test_the_architecture_shows_every_package(package: str) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    tree = page.partition(f"```\n{package}/\n")[2].partition("```")[0]
    shown, outer = [], ""
    for indent, name in re.findall(r"^( +)(\w+)/", tree, re.MULTILINE):
        outer = outer if len(indent) > 2 else name
        shown.append(name if name == outer else f"{outer}/{name}")
    packages = [str(path.parent.relative_to(ROOT / package)) for path in (ROOT / package).rglob("*/__init__.py")]
    assert sorted(shown) == sorted(packages)


@every_page
def test_verbs_exist(page: Path) -> None:
    known = {name for verb, aliases in tasks.namespace.task_names.items() for name in (verb, *aliases)}
    assert not set(VERB.findall(page.read_text("utf-8"))) - known - {"db"}


def test_verbs_in_messages_exist() -> None:
    known = {name for verb, aliases in tasks.namespace.task_names.items() for name in (verb, *aliases)}
    named = {verb for text in texts.printed() for verb in VERB.findall(text)}
    assert not named - known - set(tasks.namespace.collections)


@every_page
def test_options_exist(page: Path) -> None:
    for verb, rest in COMMAND.findall(page.read_text("utf-8")):
        known = {f"--{name.replace('_', '-')}" for one in tasks.namespace[verb].get_arguments() for name in one.names}
        assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= known, f"inv {verb}{rest}"


@pytest.mark.parametrize(("name", "least"), [("troubleshooting", 30), ("adopt", 5)])
def test_messages_on_pages_are_ours(name: str, least: int) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    messages = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    ours = "\n".join(texts.printed())
    assert len(messages) >= least
    assert not [message for message in messages if message not in ours]
