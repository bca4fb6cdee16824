"""PostgreSQL's own programs, inside its container. Which role, and which database the application's is, it knows."""

from __future__ import annotations

import shlex

from fleet.commands import compose

# Limits that a database or a role sets for the application's sessions; an operator's query has its own deadline.
UNLIMITED = "-c statement_timeout=0"
# For SQL that comes from elsewhere, and for what we ask ourselves: nobody sits there and sees what ended it.
UNATTENDED = f"{UNLIMITED} -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
OURS = f"{UNATTENDED} -c default_transaction_read_only=off -c role=none -c search_path=pg_catalog -c lc_messages=C"
_READ_ONLY = " -c default_transaction_read_only=on"


def psql(project: str, database: str = "", *, terminal: bool, read_only: bool) -> str:
    """The command that opens psql on a database.

    Args:
        project: the Compose project.
        database: its name; empty: the application's.
        terminal: whether somebody types; else it reads SQL from standard input and stops at the first error.
        read_only: whether every transaction may only read.
    """
    options = "" if terminal else " --no-psqlrc --set ON_ERROR_STOP=1 --file -"
    settings = (UNLIMITED if terminal else UNATTENDED) + (_READ_ONLY if read_only else "")
    name = shlex.quote(database) if database else '"$POSTGRES_DB"'
    script = f'export PGOPTIONS={shlex.quote(settings)}; exec psql -U "$POSTGRES_USER" -d {name}{options}'
    return compose.execute(project, "postgres", ["sh", "-c", script], terminal=terminal)
