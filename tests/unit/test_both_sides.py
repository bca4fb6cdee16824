"""What the operator's machine and the host both know, and each says for itself."""

from __future__ import annotations

import ast

import pytest

from aipbx_agent import contract
from fleet.checkout import ROOT
from fleet.env.variables import stack


def test_the_superuser() -> None:
    declared = next(one for one in stack.FIXED.variables if one.name == "POSTGRES_USER")
    assert declared.fixed == contract.ADMIN


def _programs() -> list[tuple[str, str]]:
    """Texts of Python in `tests/lab` and `bench` that run on a host beside the agent."""
    found = []
    for path in [*(ROOT / "tests" / "lab").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "from aipbx_agent" in node.value:
                found.append((path.name, node.value))
    return found


@pytest.mark.parametrize(("name", "text"), _programs(), ids=lambda each: each if each.endswith(".py") else "")
def test_programs_that_are_sent_to_a_host_find_the_agent_s_modules(name: str, text: str) -> None:
    lines = [line for line in text.splitlines() if line.startswith("from aipbx_agent")]
    exec("\n".join(lines), {})  # noqa: S102  imports, written here
