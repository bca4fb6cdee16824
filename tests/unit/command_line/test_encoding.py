"""No encoding of a terminal or pipe ends a verb."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
from fleet.command_line.encoding import print_anything
from fleet.output import say, step
print_anything()
with step("backend \\u2192 healthy\\u2026"):
    say("\\u041f\\u0440\\u0438\\u0432\\u0435\\u0442")
print("\\u2713 \\u00fc")
"""


@pytest.mark.parametrize(
    ("encoding", "out", "err"),
    [
        ("latin-1", "+ ü\n", "  + backend -> healthy... ("),
        ("ascii", "+ \\u00fc\n", "  + backend -> healthy... ("),
        ("utf-8", "✓ ü\n", "  ✓ backend → healthy… ("),
    ],
)
def test_signs_become_plain_ones(encoding: str, out: str, err: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.decode(encoding) == out
    assert err in done.stderr.decode(encoding)
    assert ("Привет" in done.stderr.decode(encoding)) == (encoding == "utf-8")
