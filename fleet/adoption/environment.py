"""The application's variables on a host installed by hand: what the backend that runs there really has."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.commands import adoption as commands
from fleet.env.dotenv import dotenv_file
from fleet.env.host import comparison, rendering
from fleet.env.host.remote import current
from fleet.env.variables.table import VARIABLES, declared
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from fleet.adoption.hand_made import HandMade
    from fleet.remote import Remote

HEAD = """\
# aiPBX on {host}, as {source} had it when the host was taken over.
# A value stands in single quotes: NAME='value', with \\ written as \\\\ and ' as \\'.
"""


@dataclass(frozen=True)
class Environment:
    """The variables of a backend installed by hand, and where they were read."""

    values: dict[str, str]
    source: str

    def file(self, host: str) -> str:
        """Return the text of the env file that says the same; what the fleet sets itself is left out.

        Raises:
            OperatorError: a value cannot stand in one line.
        """
        kept = {name: value for name, value in self.values.items() if not declared(name).ours}
        return HEAD.format(host=host, source=self.source) + dotenv_file.written(dict(sorted(kept.items())))

    def notes(self) -> list[str]:
        """Return what will not be as it was, a line each, without a secret."""
        lines = []
        for name, value in sorted(self.values.items()):
            fixed = declared(name).fixed
            if fixed is not None and value != fixed:
                lines.append(f"{name} was {value!r}; the fleet sets {fixed}: {declared(name).why}")
        lines += [
            f"{variable.name} was not set, so the application used a value of its own; with a new one, "
            f"{variable.on_change}"
            for variable in VARIABLES.values()
            if variable.generate and variable.on_change and not self.values.get(variable.name)
        ]
        return lines


def read(remote: Remote, old: HandMade) -> Environment:
    """Return the variables that the old backend runs with: of its container, or of .env.production where it has none.

    Raises:
        OperatorError: there is neither, or the file cannot be read with certainty.
    """
    if "backend" in old.containers:
        backend = old.containers["backend"]
        return Environment(
            parse(remote.sudo_output(commands.environment(backend.identity))), f"container {backend.name}"
        )
    if not old.environment:
        raise OperatorError(
            f"{remote.name}: the variables of the old stack cannot be found.",
            "There is no container of its backend and no .env.production.",
            f"inv env.init --host={remote.name}, and fill in what the old one had",
        )
    path = old.environment[0]
    file = dotenv_file.read(remote.sudo_output(f"cat {shlex.quote(path)}").encode())
    if file.faults:
        raise OperatorError(
            f"{remote.name}: {path} cannot be read with certainty.",
            "; ".join(f"line {fault.line}: {fault.name} {fault.why}" for fault in file.faults),
            "Start the old backend, whose container knows its variables exactly, or correct these lines there.",
        )
    return Environment(file.values, path)


def parse(output: str) -> dict[str, str]:
    """The variables that a container was given, of its own environment and its image's (each a JSON list, a line)."""
    own, image = (dict(word.partition("=")[::2] for word in json.loads(line)) for line in output.splitlines()[:2])
    return {name: value for name, value in own.items() if image.get(name) != value}


def refuse_other_database(remote: Remote, old: Environment, services: set[str]) -> None:
    """Refuse a backend whose database is not the PostgreSQL of the same stack.

    Raises:
        OperatorError: it is another.
    """
    dialect, host = old.values.get("DB_DIALECT", "mysql"), old.values.get("DB_HOST", "")
    if dialect != "postgres" or host not in services:
        raise OperatorError(
            f"{remote.name}: the old backend's database is {dialect} at {host or 'no host'}.",
            "Only the PostgreSQL of the same stack is taken over; with another, the new backend would begin empty.",
            "Move its data into that PostgreSQL first; nothing was touched.",
        )


def differences(remote: Remote, old: Environment) -> list[str]:
    """Return what is not the same in the environment that was pushed: a line each, to be read before the take-over.

    Raises:
        OperatorError: the backend would not get at its database.
    """
    pushed = current(remote, remote.settings.app_dir) or {}
    ours = rendering.environments(old.values) | {"postgres": {}}
    changes = comparison.changes({"backend": ours["backend"]}, {"backend": pushed.get("backend", {})})
    locked = [change.name for change in changes if declared(change.name).locked]
    if locked:
        raise OperatorError(
            f"{remote.name}: {', '.join(locked)} {'is' if len(locked) == 1 else 'are'} not what the database has.",
            "The new backend would be locked out of it.",
            f"Delete the env file and run inv adopt --host={remote.name}, which takes them from the old backend; "
            f"then inv env.push --host={remote.name}",
        )
    names = [f"{change.name} {change.kind}" for change in changes if not declared(change.name).on_change]
    lines = [f"variables that differ from the old backend's: {', '.join(names)}"] if names else []
    return lines + [
        f"{change.name} {change.kind}: {declared(change.name).on_change}"
        for change in changes
        if declared(change.name).on_change
    ]
