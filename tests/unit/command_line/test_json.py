"""Every verb that only reads takes --json, and asks each host for itself."""

from __future__ import annotations

import inspect
import json
from typing import Any, cast

import pytest
from invoke.exceptions import Exit

import tasks
from fleet import answers
from fleet.errors import FailedError, OperatorError
from fleet.remote import Remote

# Verbs that read, and print nothing that a script would parse.
EXCEPTIONS = {
    "adopt": "its lines may hold secrets, and it writes a file",
    "attach": "shows another run's lines while they come",
    "db.shell": "a terminal; psql has its own formats: inv db -c '… ' prints its words",
    "exec": "a terminal, or the command's own output",
    "tunnel": "lasts until Ctrl-C",
    "dashboard": "lasts until Ctrl-C",
    "setup": "changes a host",
    "github.known-hosts": "writes two files",
    "github.push": "writes to GitHub",
    "lab.application": "changes a lab host",
}


def verbs() -> dict[str, Any]:
    """All verbs by name."""
    return {name: tasks.namespace[name] for name in tasks.namespace.task_names}


def reads(verb: Any) -> bool:
    """Whether a verb names hosts as one does which only reads."""
    called = set(inspect.unwrap(verb.body).__code__.co_names)
    return bool(called & {"hosts_to_read", "named_hosts"}) and "hosts_to_change" not in called


def test_every_verb_that_reads_takes_json_or_is_an_exception() -> None:
    without = {
        name for name, verb in verbs().items() if reads(verb) and "json" not in inspect.signature(verb.body).parameters
    }
    assert without == EXCEPTIONS.keys()


def test_the_rule_sees_verbs_that_read() -> None:
    assert {"status", "csp", "logs", "verify", "env.check", "offsite.check"} <= {
        name for name, verb in verbs().items() if reads(verb)
    }


class Host:
    """A host by name."""

    def __init__(self, name: str) -> None:
        self.name = name


HOSTS = cast("list[Remote]", [Host("a"), Host("b"), Host("c")])


def ask(host: Remote) -> dict[str, str]:
    """Answer, unless it is b."""
    if host.name == "b":
        raise FailedError("b: its copy is damaged.", "why", "do")
    return {"set": host.name}


@pytest.mark.parametrize("asked", [answers.in_parallel, answers.in_turn])
def test_one_that_cannot_be_asked_hides_no_other(asked: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(HOSTS, ask)
    assert answers.exit_code(found) == FailedError.code
    answers.print_json(found)
    told = json.loads(capsys.readouterr().out)
    assert [told["a"], told["c"]] == [{"set": "a"}, {"set": "c"}]
    assert told["b"]["error"].startswith("b: its copy is damaged.")


def test_a_refusal_alone_is_a_refusal() -> None:
    assert answers.exit_code({"a": OperatorError("", "", ""), "b": {}}) == OperatorError.code
    assert answers.exit_code({"a": {}}) == 0


def test_without_json_only_what_went_wrong_is_said_once_more(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as ended:
        answers.report(answers.in_turn(HOSTS, ask), as_json=False)
    assert ended.value.code == FailedError.code
    assert capsys.readouterr() == ("", "b: its copy is damaged.\n    why: why\n    do:  do\n")
