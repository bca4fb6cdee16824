"""Docker Compose, as the host's own program calls it: what is in its surroundings decides nothing.

Compose takes a file `.env` beside its project, and variables such as COMPOSE_PROFILES or one that a file of ours names,
before what it is given. So it gets no variables but these, and each call names its files.
"""

from __future__ import annotations

import os
from pathlib import Path

from aipbx_agent.contract import COMPOSE_FILE, ENVIRONMENT
from aipbx_agent.core import process

COMMAND = ("docker", "compose", "--ansi", "never", "--progress", "plain")
_NEEDED = ("HOME", "PATH")


def run(argv: list[str], *, seconds: float, stdin: bytes = b"") -> bytes:
    """Run Compose and return what it printed.

    Args:
        argv: what follows its name: those of `stack` or `alone`, and the command.
        seconds: its deadline.
        stdin: its standard input.

    Raises:
        Failed: it did not succeed.
    """
    return process.run([*COMMAND, *argv], seconds=seconds, stdin=stdin, env=variables())


def variables() -> dict[str, str]:
    """Return all the variables that Compose gets."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}


def stack(app: Path, images: Path) -> list[str]:
    """Words that name the files of this host's stack.

    Args:
        app: where they are.
        images: the file that says which images run.
    """
    argv = ["--project-directory", str(app), "--env-file", str(images)]
    return [*argv, "-f", f"{app}/{COMPOSE_FILE}", "-f", f"{app}/{ENVIRONMENT}"]


def alone(project: str) -> list[str]:
    """Words for a project whose one file comes over standard input."""
    return ["--project-name", project, "--env-file", "/dev/null", "-f", "-"]
