"""What an operator reads is written in the field's words: names of operations, messages, steps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks

ROOT = Path(__file__).resolve().parents[2]
# The reader is an engineer who has never seen this repository: on the right, what to write instead.
BANNED = {
    r"told|tells?": "report, notify, show",
    r"anew": "again",
    r"aside": "separately",
    r"nobody|somebody|anybody|everybody|whoever": "no one, someone, anyone, everyone, anyone who",
    r"he|his|him": "they, their",
    r"mends?|mended": "fix, repair",
    r"tidy|tidied": "cleanup",
    r"siblings?": "peer",
    r"seals?|(?<!store is )sealed": "encrypt",  # what Vault says of itself
    r"go(?:es)? on|went on": "continue",
    r"(?:comes?|came) to its end": "complete",
    r"stands? for|stood": "means, was",
    r"moments?": "time, recovery target",
    r"the log(?: since| of PostgreSQL)|PostgreSQL's log|segments? of (?:the|its) log": "WAL",
    r"look(?:s|ed)? at": "check",
    r"(?<!here )is no(?! longer\b)": "is not a valid …",
    r"not a word": "no output",
}
# Who speaks to an operator: errors, steps, notes, notices.
SPEAKERS = {"OperatorError", "FailedError", "Refused", "Failed", "MissingError", "Interrupted", "AgentError"}
SPEAKERS |= {"step", "note", "say", "send", "agree", "agreed", "noop"}
OPERATION = re.compile(r"[A-Za-z0-9][\w-]*(?: [a-z]+)?: [a-z]")


def banned(text: str) -> dict[str, str]:
    """The words in a text that the field does not use, and what to write instead."""
    hits = ((match[0], better) for word, better in BANNED.items() for match in re.finditer(rf"\b(?:{word})\b", text))
    return dict(hits)


def written(node: ast.AST) -> str:
    """The words of an expression, without the values that are put into it."""
    values = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return " ".join(value for value in values if isinstance(value, str) and " " in value)


def called(folders: tuple[str, ...]) -> Iterator[tuple[Path, ast.Call]]:
    """Every call in the sources below these folders."""
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT), node


def operations() -> Iterator[str]:
    """The names of pyinfra's operations, as an operator reads them."""
    for _, call in called(("deploys",)):
        for keyword in call.keywords:
            if keyword.arg == "name":
                yield ast.unparse(keyword.value).removeprefix("f").strip("\"'")


def test_messages_are_in_the_field_s_words() -> None:
    found = {
        f"{path}:{call.lineno}": words
        for path, call in called(("fleet", "aipbx_agent", "deploys"))
        if ast.unparse(call.func).rpartition(".")[2] in SPEAKERS
        and (words := {word: better for part in call.args for word, better in banned(written(part)).items()})
    }
    assert found == {}


def test_operations_say_what_they_do() -> None:
    names = list(operations())
    assert len(names) > 80
    assert [name for name in names if banned(name) or not OPERATION.match(name)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The team is told so.", ["told"]),
        ("It is no longer there, and there is no lock.", []),
        ("x is no database", ["is no"]),
        ("Nothing goes on", ["goes on"]),
    ],
)
def test_such_a_word_would_be_noticed(text: str, words: list[str]) -> None:
    assert list(banned(text)) == words


@pytest.mark.parametrize("verb", tasks.namespace.task_names)
def test_help_is_in_the_field_s_words(verb: str) -> None:
    task = tasks.namespace[verb]
    texts = [str(task.__doc__), *(argument.help or "" for argument in task.get_arguments())]
    assert {text: hits for text in texts if (hits := banned(text))} == {}


def test_comments_of_what_is_shipped_are_in_the_field_s_words() -> None:
    words = re.compile(r"\b(?:anew|nobody|somebody|anybody|everybody|whoever)\b", re.IGNORECASE)
    shipped = [path for folder in ("templates", "files") for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert shipped
    assert {str(path.relative_to(ROOT)) for path in shipped if words.search(path.read_text("utf-8"))} == set()
