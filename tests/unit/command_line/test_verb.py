"""Options of verbs: no short form for what is dangerous, and dry runs that change nothing."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from fleet import cli
from fleet.command_line.verb import SHORT, task

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
