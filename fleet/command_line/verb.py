"""How verbs take their options: few have a short form, none that is dangerous; `--dry` where a verb asks first."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.tasks import Task
from invoke.tasks import task as invoke_task

from fleet.command_line import dry_run, record
from fleet.errors import OperatorError

# Invoke gives each option one, by its letters: `-h` was a host, and `-l` let a migration delete rows.
# The verb as it was typed (parsing.py): Invoke's own name of `env.push` is `push`.
TYPED: list[str] = []
# What the option --host takes where a verb works on several.
HOSTS = "a host, several with commas, a group, or all"
SHORT = {"command": "c", "follow": "f", "tail": "n"}


class Verb(Task[Any]):
    """A verb. One that takes `--yes` shows what it would do and asks before it does anything: it takes `--dry` too."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return its options, with their short forms."""
        texts = dict(self.help)  # Invoke uses them up, and asks twice
        arguments = super().get_arguments(ignore_unknown_help)
        self.help = texts
        for argument in arguments:
            if argument.names[0] in SHORT:
                argument.names = (*argument.names, SHORT[argument.names[0]])
        if self._asks:
            arguments.append(Argument(name="dry", kind=bool, default=False, help="show what it would do; do nothing"))
        return arguments

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do it, or only show it."""
        dry = bool(kwargs.pop("dry", False)) or bool(args[0].config.run.dry)
        if self._has("dry"):
            return super().__call__(*args, **kwargs, dry=True) if dry else self._recorded(*args, **kwargs, dry=False)
        if dry and not self._asks:
            refused = OperatorError(
                f"This verb has no dry run: {self.name}.",
                "It asks no question before it acts, or it only shows something.",
                "Leave --dry out.",
            )
            raise Exit(str(refused), code=refused.code)
        if dry:
            with dry_run.only_shown(dry):
                return super().__call__(*args, **kwargs)
        return self._recorded(*args, **kwargs)

    def _recorded(self, *args: Any, **kwargs: Any) -> Any:
        record.begin(TYPED[0] if TYPED else str(self.name))
        try:
            done = super().__call__(*args, **kwargs)
        except BaseException as error:
            record.end(error)
            raise
        record.end(None)
        return done

    @property
    def _asks(self) -> bool:
        return self._has("yes") and not self._has("dry")

    def _has(self, name: str) -> bool:
        return name in inspect.signature(self.body).parameters


def task(*args: Any, **options: Any) -> Callable[..., Any]:
    """Make a function a verb; the options are those of Invoke's own decorator."""
    made: Callable[..., Any] = invoke_task(*args, **{"klass": Verb, "auto_shortflags": False} | options)
    return made
