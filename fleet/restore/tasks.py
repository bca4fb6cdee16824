"""`inv restore`, `inv verify`."""

from __future__ import annotations

from typing import Any

from invoke.context import Context
from invoke.parser.argument import Argument

from fleet.cli import hosts_to_change, hosts_to_read, only, remotes, report_errors
from fleet.command_line.verb import Verb, task

# These stand in place of what is restored.
INSTEAD = ("undo", "discard", "at")


class Instead(Argument):
    """A flag that stands in place of a positional word: invoke knows no word that may be left out.

    Args:
        flag: as invoke made it.
        word: its meaning.
    """

    def __init__(self, flag: Argument, word: Argument) -> None:
        super().__init__(names=flag.names, kind=flag.kind, default=flag.default, help=flag.help)
        self.word = word

    def set_value(self, value: Any, cast: bool = True) -> None:
        """Take a value; the word is as good as given."""
        super().set_value(value, cast)
        if self.word.value is None:
            self.word.set_value("")


class Restore(Verb):
    """A task whose word may be replaced by a flag."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """As invoke makes them, with those flags."""
        arguments = super().get_arguments(ignore_unknown_help)
        word = next(argument for argument in arguments if argument.positional)
        return [Instead(argument, word) if argument.name in INSTEAD else argument for argument in arguments]


@task(
    klass=Restore,
    positional=["what"],
    help={
        "what": "a file here, the name of a set (see inv backups), or host/name",
        "host": "a host; default: the one that the file or host/name says",
        "at": "the database as it was at this time: '2026-11-23 14:05', UTC, or with a zone (+03:00)",
        "undo": "make the data from before the last restore live again",
        "discard": "delete what restores retained: previous data, and databases for inspection",
        "tables": "only the rows of these tables, with commas, into a database for inspection",
        "to-database": "into this new database, for inspection; with --discard: only this one",
        "yes": "do not ask",
    },
)
@report_errors
def restore(
    _: Context,
    what: str,
    host: str = "",
    at: str = "",
    undo: bool = False,
    discard: bool = False,
    tables: str = "",
    to_database: str = "",
    yes: bool = False,
) -> None:
    """Restore a backup: loaded beside the live data, compared, tried out, swapped in; --undo is the way back."""
    from fleet.errors import OperatorError
    from fleet.restore import from_moment
    from fleet.restore import restore as data

    if [bool(what), bool(at), undo, discard].count(True) != 1:
        raise OperatorError(
            "Nothing to do was named.",
            "Name a backup, --at, --undo, or --discard.",
            "inv restore 20261123T030000Z --host=…, inv restore --undo --host=…",
        )
    if what:
        data.restore(what, host, tables, to_database, yes=yes)
    elif at:
        from_moment.to(at, host, tables, to_database, yes=yes)
    elif undo:
        data.undo(only(hosts_to_change(host)), yes=yes)
    else:
        data.discard(only(hosts_to_change(host)), to_database, yes=yes)


@task(
    help={
        "name": "a set (see inv backups); default: the newest",
        "host": "a host, several with commas, or all",
        "json": "print JSON",
    },
)
@report_errors
def verify(_: Context, name: str = "", host: str = "", json: bool = False) -> None:
    """Prove that a backup can be restored: loaded into a throwaway server on its host, and compared."""
    from fleet import answers
    from fleet.restore import restore as data

    answers.report(
        answers.in_turn(remotes(hosts_to_read(host)), lambda remote: data.verify(remote, name)), as_json=json
    )
