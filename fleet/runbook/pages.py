"""The pages of the runbook (docs/<language>/runbook/*.md): found by name, listed, printed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from fleet.checkout import ROOT
from fleet.errors import OperatorError
from fleet.output import print_table, uncut
from fleet.runbook import search

# The team's first; the pages have the same names in each.
LANGUAGES = ("ru", "en")
# Whom to call, and where keys are.
FIRST = "first-page"
# What only the team can know, and has not written yet.
PLACEHOLDER = "<fill in>"
# What a page is found by beside its title; no reader needs it.
KEYWORDS = re.compile(r"<!--.*?-->\n\n", re.DOTALL)
# Longer lines are hard to read, however wide the terminal.
COLUMNS = 110


def folder(language: str) -> Path:
    """Return where the pages of a language are."""
    return ROOT / "docs" / language / "runbook"


def names() -> list[str]:
    """Return the pages' names: the first page, then all others by the alphabet."""
    stems = sorted(path.stem for path in folder(LANGUAGES[0]).glob("*.md"))
    return sorted(stems, key=lambda name: name != FIRST)


def title(name: str, language: str) -> str:
    """Return a page's title, which is one sentence."""
    return _text(name, language).partition("\n")[0].removeprefix("# ")


def show(page: str, language: str) -> None:
    """Print a page, formatted on a terminal and as Markdown in a pipe; or the list of pages that may be meant.

    Args:
        page: as typed; empty: all of them.
        language: as typed; empty: the machine's.

    Raises:
        OperatorError: there is no such page or language.
    """
    chosen = _language(language)
    pages = matching(page) if page else names()
    if len(pages) > 1:
        _list(pages, chosen)
        return
    text = KEYWORDS.sub("", _text(pages[0], chosen))
    console = Console(highlight=False)
    if not console.is_terminal:
        print(text, end="")
        return
    console.print(Markdown(text), width=min(console.width, COLUMNS))


def matching(typed: str) -> list[str]:
    """Return the pages that may be meant: by name, an alert's name (DiskSpaceLow), or words of either language.

    Raises:
        OperatorError: none is.
    """
    known, name = names(), re.sub(r"(?<=[a-z])(?=[A-Z])", "-", typed).lower()
    if name in known:
        return [name]
    if best := search.pages(typed, {name: _head(name) for name in known}, {name: _texts(name) for name in known}):
        return best
    raise OperatorError(
        f"The runbook has no page {typed!r}.",
        "No name, title or text of a page has such a word.",
        "inv runbook lists the pages.",
    )


def unfilled() -> dict[str, int]:
    """Return how many places of the first page the team has not filled in, by the file; nothing of filled ones."""
    counts = {f"docs/{each}/runbook/{FIRST}.md": _text(FIRST, each).count(PLACEHOLDER) for each in LANGUAGES}
    return {file: count for file, count in counts.items() if count}


def _language(typed: str) -> str:
    language = typed or os.environ.get("AIPBX_LANGUAGE") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise OperatorError(
            f"The runbook has no language {language!r}.",
            f"--language or AIPBX_LANGUAGE names it; there are {' and '.join(LANGUAGES)}.",
            f"inv runbook --language={LANGUAGES[0]}",
        )
    return language


def _list(pages: list[str], language: str) -> None:
    table = Table(*uncut("inv runbook …"), "")
    for name in pages:
        table.add_row(name, title(name, language))
    print_table(table)


def _head(name: str) -> str:
    """Return a page's name, and its title and keywords in each language."""
    return " ".join([name, *(_text(name, each).partition("\n## ")[0] for each in LANGUAGES)])


def _texts(name: str) -> str:
    return " ".join(_text(name, each) for each in LANGUAGES)


def _text(name: str, language: str) -> str:
    return (folder(language) / f"{name}.md").read_text("utf-8")
