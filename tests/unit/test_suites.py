"""`make test` proves something of every capability, and `make test-all` can be run in parts: read from the stories."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import tasks

ROOT = Path(__file__).resolve().parents[2]
# One file is one capability.
STORIES = {path.stem.removeprefix("test_"): path for path in sorted((ROOT / "tests" / "lab").glob("test_*.py"))}
HELPERS = sorted(set((ROOT / "tests" / "lab").glob("*.py")) - set(STORIES.values()))
# Their stories are what anyone who uses the lab types.
LAB = "lab"


def loaded(capability: str) -> ModuleType:
    """Import the stories of a capability; none of their fixtures is made."""
    return importlib.import_module(f"tests.lab.test_{capability}")


def stories(capability: str) -> Iterator[tuple[str, Any]]:
    """The stories of a capability by their names."""
    return ((name, story) for name, story in vars(loaded(capability)).items() if name.startswith("test_"))


def left_out(story: Any) -> bool:
    """Whether `make test` has no case of a story: it is marked, or all values of one of its parameters are."""
    marks = getattr(story, "pytestmark", [])
    parameters = [mark.args[1] for mark in marks if mark.name == "parametrize"]
    return marked(marks) or any(all(marked(getattr(value, "marks", ())) for value in values) for values in parameters)


def marked(marks: Any) -> bool:
    """Whether `test_all` is among some marks."""
    return any(mark.name == "test_all" for mark in marks)


@cache
def typed() -> set[str]:
    """Every text in the code that `make test` runs: the words of commands are among them."""
    found: set[str] = set()
    for path in (*STORIES.values(), *HELPERS):
        story = path.stem.removeprefix("test_")
        out = {name for name, test in stories(story) if left_out(test)} if path in STORIES.values() else set()
        kept = [node for node in ast.parse(path.read_text("utf-8")).body if getattr(node, "name", "") not in out]
        constants = [node.value for part in kept for node in ast.walk(part) if isinstance(node, ast.Constant)]
        found.update(text for text in constants if isinstance(text, str))
    return found


@pytest.mark.parametrize("capability", STORIES)
def test_every_capability_has_a_story_in_make_test(capability: str) -> None:
    assert [name for name, story in stories(capability) if not left_out(story)]


def test_a_capability_whose_stories_are_all_marked_is_noticed() -> None:
    @pytest.mark.test_all
    def whole() -> None: ...

    @pytest.mark.parametrize("moment", ["first", pytest.param("second", marks=pytest.mark.test_all)])
    def in_part() -> None: ...

    @pytest.mark.parametrize("moment", [pytest.param("second", marks=pytest.mark.test_all)])
    @pytest.mark.parametrize("after", [True, False])
    def by_one_parameter() -> None: ...

    assert [left_out(story) for story in (whole, in_part, by_one_parameter)] == [True, False, True]


def test_every_verb_and_one_of_each_namespace_is_typed_in_make_test() -> None:
    texts = typed()
    assert [name for name in tasks.namespace.tasks if name not in texts] == []
    for name, verbs in tasks.namespace.collections.items():
        assert name == LAB or texts & {name, *(f"{name}.{verb}" for verb in verbs.tasks)}, name


@pytest.mark.parametrize("concern", [path.stem for path in sorted((ROOT / "deploys").glob("*.py"))])
def test_every_concern_is_run_alone_or_has_stories_of_its_name(concern: str) -> None:
    assert concern in STORIES or concern in typed()


def parts() -> dict[str, list[str]]:
    """The parts of `make test-all`, as the Makefile has them."""
    lines = re.findall(r"^PART\.(\w+) := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    return {name: words.split() for name, words in lines}


def test_every_capability_is_in_one_part() -> None:
    assert sorted(name for names in parts().values() for name in names) == sorted(STORIES)
    assert not set(parts()) & set(STORIES)


def test_every_part_runs_at_night() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text("utf-8"))
    assert workflow["jobs"]["stories"]["strategy"]["matrix"]["part"] == list(parts())
