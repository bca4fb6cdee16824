"""Options of verbs: no short form for what is dangerous, and dry runs that change nothing."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from fleet import cli
from fleet.command_line import dry_run
from fleet.command_line.verb import SHORT, task
from fleet.errors import OperatorError

HOSTS: list[Any] = ["a", "b", "c"]
VERBS = {name: tasks.namespace[name] for name in tasks.namespace.task_names}


def test_few_options_have_a_short_form_and_none_that_is_dangerous() -> None:
    short = {(one.names[0], name) for verb in VERBS.values() for one in verb.get_arguments() for name in one.names[1:]}
    assert short <= set(SHORT.items())
    assert not {"yes", "now", "force", "atomic", "allow-destructive", "host"} & SHORT.keys()


def test_every_verb_that_asks_takes_a_dry_run() -> None:
    asking = {name for name, verb in VERBS.items() if "yes" in [one.name for one in verb.get_arguments()]}
    dry = {name for name, verb in VERBS.items() if "dry" in [one.name for one in verb.get_arguments()]}
    assert {"deploy", "rollback", "restore", "maintenance", "unlock", "env.push", "migrate", "prune"} <= asking <= dry


@task
@cli.report_errors
def asks(_: Context, yes: bool = False) -> str:
    """Ask, then do."""
    return "done" if cli.agreed("delete it", yes=yes) else "not done"


@task
@cli.report_errors
def acts(_: Context) -> str:
    """Do."""
    return "done"


def context(dry: bool) -> Context:
    return Context(Config(overrides={"run": {"dry": dry}}))


@pytest.mark.parametrize(("before", "options"), [(True, {}), (False, {"dry": True})])
def test_a_dry_run_ends_at_the_question_whatever_else_is_typed(before: bool, options: dict[str, Any]) -> None:
    with pytest.raises(Exit, match=r"it would ask now: delete it\? Nothing was changed\.") as ended:
        asks(context(before), yes=True, **options)
    assert ended.value.code == 0
    assert asks(context(False), yes=True) == "done", "the next one is no dry run"


def test_without_a_question_a_dry_run_is_refused() -> None:
    with pytest.raises(Exit, match="no dry run") as ended:
        acts(context(True))
    assert ended.value.code == 2
    assert acts(context(False)) == "done"


@pytest.mark.parametrize("refused", ["", "b"])
def test_a_dry_run_of_several_hosts_continues_to_each_one_s_question(
    refused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def change(host: Any) -> None:
        asked.append(host)
        if host == refused:
            raise OperatorError("b is locked.", "why", "do")
        cli.agreed(f"stop {host}")

    with dry_run.only_shown(True):
        if refused:
            with pytest.raises(Exit) as ended:
                cli.change_each(HOSTS, change)
            assert ended.value.code == OperatorError.code
        else:
            cli.change_each(HOSTS, change)
    assert asked == ["a", "b", "c"]
    assert "stop c? Nothing was changed." in capsys.readouterr().err


def test_a_change_of_several_hosts_ends_at_the_first_that_refuses() -> None:
    asked = []

    def change(host: Any) -> None:
        asked.append(host)
        raise OperatorError("a is locked.", "why", "do")

    with pytest.raises(OperatorError, match="a is locked"):
        cli.change_each(HOSTS, change)
    assert asked == ["a"]


def test_no_verb_that_asks_loops_over_hosts_in_a_way_of_its_own() -> None:
    for name, verb in VERBS.items():
        code = inspect.unwrap(verb.body)
        text = inspect.getsource(code)
        if "yes" in inspect.signature(code).parameters and "dry" not in inspect.signature(code).parameters:
            assert "for remote in remotes(hosts_to_change" not in text, name
