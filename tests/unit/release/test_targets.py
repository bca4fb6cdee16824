"""What a deploy would be about: for CI, without a host."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.release import targets

SHA, HEAD = "a" * 40, "b" * 40


def hosts(*names: str, canary: str = "") -> list[Any]:
    return [SimpleNamespace(name=name, settings=SimpleNamespace(canary=name == canary)) for name in names]


def backend() -> Any:
    return SimpleNamespace(service="backend", head=lambda: HEAD)


def test_the_first_host_is_the_canary_unless_data_name_another() -> None:
    assert targets.of(hosts("one", "two", "three"), [backend()], {}).canary == "one"
    named = targets.of(hosts("one", "two", "three", canary="two"), [backend()], {})
    assert (named.canary, named.rest) == ("two", ["one", "three"])


def test_a_named_commit_is_taken_and_else_the_head_of_the_branch() -> None:
    assert targets.of(hosts("one"), [backend()], {"backend": SHA}).shas == {"backend": SHA}
    assert targets.of(hosts("one"), [backend()], {}).shas == {"backend": HEAD}


def test_a_commit_that_asks_for_no_host_has_no_canary(capsys: pytest.CaptureFixture[str]) -> None:
    targets.show(targets.of([], [backend()], {}), as_json=True)
    assert json.loads(capsys.readouterr().out) == {"canary": "", "rest": [], "shas": {"backend": HEAD}}


def test_a_plan_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    targets.show(targets.of(hosts("one", "two"), [backend()], {"backend": SHA}), as_json=True)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"canary": "one", "rest": ["two"], "shas": {"backend": SHA}}
