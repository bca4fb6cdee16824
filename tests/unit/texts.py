"""What the program may print to an operator, for tests that hold quotes of it true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Whatever can print a message to an operator.
SOURCES = ("fleet", "aipbx_agent", "files", "deploys", "templates")
# rich's, which no one sees: [red], [/red], [bold].
MARKUP = re.compile(r"\[/?[a-z ]+\]")


def printed() -> Iterator[str]:
    """Everything that the program could print: strings of its sources, `…` where a value stands."""
    for path in (path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@cache
def plain() -> str:
    """The same as one text, without colours."""
    return MARKUP.sub("", "\n".join(printed()))
