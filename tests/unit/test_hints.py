"""What our own messages tell an operator to type, the real parser takes; it can be pasted as it is."""

from __future__ import annotations

import ast
import functools
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext

import tasks
from fleet import agent
from fleet.command_line import hints, parsing

ROOT = Path(__file__).resolve().parents[2]
NAMES = set(parsing.names(tasks.namespace))
HINT = re.compile(r"\binv ([a-z][a-z.-]*[a-z])\b([^;,:`)\n\[]*)")
# Sentences about an option, and not about one of a program that we call.
SENTENCE = re.compile(r"\b(?:[Aa]dd|[Gg]ive|[Uu]se|[Ll]eave|without|belongs to|together with) (--[a-z][a-z-]+)")
OF_OTHERS = {
    "--limit": "pyinfra's",
    "--data": "pyinfra's",
    "--create": "pg_dump's",
    "--databases": "mysqldump's",
    "--format": "pg_dump's",
}


@functools.cache
def texts() -> list[tuple[str, str]]:
    """Where a string stands, and the string, `…` where a value does; no docstring: no one sees it."""
    return list(_read())


def _read() -> Iterator[tuple[str, str]]:
    for path in (path for folder in ("fleet", "aipbx_agent", "deploys") for path in (ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        hidden = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        hidden |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in hidden:
                continue
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                yield where, "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield where, node.value


def command(verb: str, rest: str) -> list[str]:
    """Return the words of a command that prose may follow: the verb, as many as it must have, and options."""
    needed = len([one for one in tasks.namespace[verb].get_arguments() if one.positional])
    typed = shlex.split(rest.replace("'", "").replace("…", "1").rstrip(". "))
    first = next((n for n, word in enumerate(typed) if word.startswith("-")), len(typed))
    options = itertools.takewhile(lambda word: word.startswith("-"), typed[first:])
    return [verb, *typed[: min(first, needed)], *options]


def parse(typed: list[str]) -> None:
    """Have the real parser take a command.

    Raises:
        Exit: as an operator would see it.
    """
    program: Any = SimpleNamespace(initial_context=ParserContext(args=[Argument(name="list")]))
    parsing._check(program, tasks.namespace, typed)


def test_every_command_in_a_message_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = tasks.namespace.to_contexts()  # slow, and for each command the same
    monkeypatch.setattr(tasks.namespace, "to_contexts", lambda: contexts)
    advised: dict[tuple[str, ...], str] = {}
    for where, text in texts():
        for hint in HINT.finditer(text):
            if hint[1] in NAMES and re.search(r"\s--?[a-z]", hint[2]):
                advised[tuple(command(hint[1], hint[2].partition(" -- ")[0]))] = where
    wrong = []
    for typed, where in advised.items():
        try:
            parse(list(typed))
        except Exit as refused:
            wrong.append(f"{where}: {str(refused.message).splitlines()[0]}")
    assert not wrong
    assert len(advised) > 50


@pytest.mark.parametrize(
    "typed", ["unlock --forced --host=a", "restore x --at", "tunnel --local", "deploy --sha --yes"]
)
def test_a_mistake_would_be_noticed(typed: str) -> None:
    with pytest.raises(Exit):
        parse(typed.split())


def test_every_option_in_a_sentence_is_one_of_ours() -> None:
    known = {f"--{name}" for verb in NAMES for one in tasks.namespace[verb].get_arguments() for name in one.names}
    named = [(where, option) for where, text in texts() for option in SENTENCE.findall(text)]
    assert len(named) > 10
    assert not [(where, option) for where, option in named if option not in known | OF_OTHERS.keys()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("inv logs postgres", "inv logs --host=a postgres"),
        ("inv backups --host=b shows it", "inv backups --host=b shows it"),
        ("inv env.edit, inv env.push", "inv env.edit --host=a, inv env.push --host=a"),
        ("Set A and B (inv env.edit).", "Set A and B (inv env.edit --host=a)."),
        ("inv restore x --host=b; then inv verify", "inv restore x --host=b; then inv verify --host=a"),
        ("inv offsite.key; inv lab.up; inv runbook x", "inv offsite.key; inv lab.up; inv runbook x"),
        ("invent nothing", "invent nothing"),
    ],
)  # fmt: skip
def test_a_command_that_an_agent_advises_names_its_host(text: str, shown: str) -> None:
    assert hints.with_host(text, "a") == shown
    assert agent.problem("a", {"what": "w", "why": "y", "do": text, "code": 2}).do == shown


def test_verbs_without_a_host_are_those_that_get_none() -> None:
    takes = {name for name in NAMES if any("host" in one.names for one in tasks.namespace[name].get_arguments())}
    assert {name for name in NAMES - takes if not name.startswith("lab.")} == {
        "github.workflow",
        "offsite.key",
        "runbook",
    }
