"""PostgreSQL's own programs, inside its container. Which role, and which database the application's is, it knows."""

from __future__ import annotations

import shlex

from fleet.commands import compose

_READ_ONLY = "-c default_transaction_read_only=on"


def psql(project: str, database: str = "", *, terminal: bool, read_only: bool) -> str:
    """The command that opens psql on a database.

    Args:
        project: the Compose project.
        database: its name; empty: the application's.
        terminal: whether somebody types; else it reads SQL from standard input and stops at the first error.
        read_only: whether every transaction may only read.
    """
    options = "" if terminal else " --no-psqlrc --set ON_ERROR_STOP=1 --file -"
    given = f"export PGOPTIONS={shlex.quote(_READ_ONLY)}; " if read_only else ""
    name = shlex.quote(database) if database else '"$POSTGRES_DB"'
    script = f'{given}exec psql -U "$POSTGRES_USER" -d {name}{options}'
    return compose.execute(project, "postgres", ["sh", "-c", script], terminal=terminal)
