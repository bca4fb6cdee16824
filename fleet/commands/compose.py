"""Docker Compose, always with the same files, in the same order, and whatever is in its surroundings.

Compose takes a file `.env` beside its project, and variables such as COMPOSE_PROFILES or BACKEND_IMAGE, before what it
is given. So it gets no variables but these, and each call names its files.
"""

from __future__ import annotations

import shlex

from aipbx_agent.core.compose import COMMAND
from fleet.commands import colours

# For sh, which knows the two values.
_CLEAN = 'env -i HOME="$HOME" PATH="$PATH"'


def _command(*arguments: str, images: tuple[str, ...] = ()) -> str:
    """Return a Compose command for sh.

    Args:
        arguments: its words.
        images: `BACKEND_IMAGE=…` and the like, where no file says them.
    """
    return f"{_CLEAN} {shlex.join([*images, *COMMAND, *arguments])}"


def of_project(project: str, *arguments: str) -> str:
    """Return a Compose command on what runs, whatever the files say.

    Args:
        arguments: what follows, each one word.
    """
    return _command("--project-name", project, "--env-file", "/dev/null", *arguments)


def readable(app_dir: str, file: str) -> str:
    """The command that fails unless Compose can read a stack's file by itself, before any release says its images.

    Args:
        app_dir: where the stack's files are.
        file: a word for sh: the file.
    """
    argv = _command(
        "--project-directory", app_dir, "--env-file", "/dev/null", images=("BACKEND_IMAGE=none", "FRONTEND_IMAGE=none")
    )
    return f"{argv} -f {file} config --quiet"


def logs(project: str, services: list[str], *, follow: bool, since: str, tail: str) -> str:
    """Return the command that prints services' logs with their times.

    Args:
        services: which; none means all.
        follow: whether it continues until it is stopped.
        since: a time or an age, as `2026-11-23T03:00:00` or `10m`; empty: no limit.
        tail: how many lines of each service, or `all`.
    """
    argv = ["logs", "--timestamps", "--no-color", "--tail", tail]
    argv += ["--follow"] if follow else []
    argv += ["--since", since] if since else []
    return " ".join([of_project(project, *argv), *(colours.present(project, service) for service in services)])


def execute(project: str, service: str, command: list[str], *, terminal: bool, app_dir: str = "") -> str:
    """Return the command that runs another one inside a running service.

    Args:
        service: as Compose calls it; with `app_dir`, as operators do.
        command: its words.
        terminal: whether it gets a terminal.
        app_dir: says which colour serves.
    """
    argv = of_project(project, "exec", *([] if terminal else ["-T"]))
    return f"{argv} {colours.serving(app_dir, service) if app_dir else service} {shlex.join(command)}"
