"""Which pages a word may mean: whatever its ending, its capitals, a wrong letter or the wrong keyboard layout."""

# ruff: noqa: RUF001  Russian letters are what it is about.

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping

# Endings of Russian and English words, the longest first; what is left has three letters or more.
ENDING = re.compile(
    r"(?<=\w{3})(?:ами|ями|ого|его|ому|ему|ыми|ими|ing|ает|яет|ать|ять|ить|еть|ов|ев|ей|ой|ый|ий|ая|яя|ое|ее|ые|ие|"
    r"ам|ям|ах|ях|ом|ем|ую|юю|ет|ит|es|ed|[аяоеиыуюьйs])$"
)
# Words that are on many pages and say nothing of them.
EMPTY = set(
    "а в и из как ли на не нет ни но о от по почти с со то у что "  # noqa: SIM905  a list of words
    "a an and are in is it my no not of on the to".split()
)
LATIN, RUSSIAN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`", "йцукенгшщзхъфывапролджэячсмитьбюё"
SWAPPED = str.maketrans(LATIN + RUSSIAN, RUSSIAN + LATIN)
# A wrong letter or two of a word that is long enough to have one.
ALIKE, SHORTEST = 0.75, 4


def pages(typed: str, heads: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Return the pages that fit best; of none, when nothing does.

    Args:
        typed: one word or several.
        heads: by the page's name, what it is about.
        texts: by the page's name, all of it: what a head does not say, it may.
    """
    layouts = typed.lower(), typed.lower().translate(SWAPPED)
    for where, same in ((heads, _begins), (heads, _resembles), (texts, _begins)):
        for words in map(stems, layouts):
            if found := _best(words, where, same):
                return found
    return []


def stems(text: str) -> set[str]:
    """Return the words of a text without their endings."""
    words = re.findall(r"\w+", text.lower().replace("ё", "е"))
    return {ENDING.sub("", word) for word in words if word not in EMPTY}


def _best(words: Iterable[str], where: Mapping[str, str], same: Callable[[str, str], bool]) -> list[str]:
    counts = {}
    for name, text in where.items():
        known = stems(text)
        counts[name] = sum(any(same(word, stem) for stem in known) for word in words)
    most = max(counts.values(), default=0)
    return [name for name, count in counts.items() if count == most] if most else []


def _begins(typed: str, known: str) -> bool:
    return known == typed or (len(typed) > 2 and known.startswith(typed))


def _resembles(typed: str, known: str) -> bool:
    return len(typed) >= SHORTEST and difflib.SequenceMatcher(None, typed, known).ratio() >= ALIKE
