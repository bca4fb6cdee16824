"""`inv --list` and completion start fast: what is heavy is imported when a verb runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What the verbs do with each of these, they do when they run.
HEAVY = {"rich", "pydantic", "fabric", "paramiko", "pyrage", "dotenv", "jinja2", "cryptography", "pyinfra"}


def modules(statement: str) -> set[str]:
    """The top-level modules that a fresh Python has imported after a statement."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_list_of_verbs_imports_nothing_heavy() -> None:
    imported = modules("import tasks")
    assert {"fleet", "lab", "invoke"} <= imported
    assert not imported & HEAVY


def test_showing_the_list_imports_nothing_heavy_either() -> None:
    inv = str(Path(sys.executable).with_name("inv"))
    argv = [sys.executable, "-X", "importtime", inv, "--list"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert {"fleet", "lab", "invoke"} <= imported
    assert not imported & HEAVY


def test_this_project_is_not_compiled_by_each_verb() -> None:
    script = (
        "import sys; sys.dont_write_bytecode = True  # as Invoke does\nimport fleet; print(sys.dont_write_bytecode)"
    )
    free = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for environment, forbidden in ((free, "False\n"), (free | {"PYTHONDONTWRITEBYTECODE": "1"}, "True\n")):
        argv = [sys.executable, "-c", script]
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout == forbidden


def test_an_import_would_be_noticed() -> None:
    assert modules("import lab.progress, lab.access.guard") & HEAVY >= {"rich", "paramiko"}
