"""PostgreSQL's own programs, inside its container, as its superuser. Which database the application's is, it knows."""

from __future__ import annotations

import shlex

from aipbx_agent.contract import ADMIN
from fleet.commands import compose

# aipbx_agent/roles/declare.py makes it; until a deploy has, the superuser is the one that the server was born with.
_EXISTS = 'psql -U "$admin" -d postgres --no-psqlrc -qAtc "" </dev/null >/dev/null 2>&1'
WHO = f"admin={ADMIN}; {_EXISTS} || admin=$POSTGRES_USER"
# Limits that a database or a role sets for the application's sessions; an operator's query has its own deadline.
UNLIMITED = "-c statement_timeout=0"
# For SQL that comes from elsewhere: no one sits there and sees what ended it.
UNATTENDED = f"{UNLIMITED} -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
_READ_ONLY = " -c default_transaction_read_only=on"
# An operator sees who they are: aipbx_admin@aipbx_production=#
_PROMPTS = " --set 'PROMPT1=%n@%/%R%x%# ' --set 'PROMPT2=%n@%/%R%x%# '"


def psql(project: str, database: str = "", *, terminal: bool, read_only: bool, role: str = "") -> str:
    """Return the command that opens psql on a database.

    Args:
        database: its name; empty: the application's.
        terminal: whether someone types; else it reads SQL from standard input and stops at the first error.
        read_only: whether every transaction may only read.
        role: which logs in; empty: the superuser. What the application wrote (a trigger, a view) runs as anyone who
            meets it, so what only reads and writes the application's tables logs in as the application.
    """
    options = _PROMPTS if terminal else " --no-psqlrc --set ON_ERROR_STOP=1 --file -"
    settings = (UNLIMITED if terminal else UNATTENDED) + (_READ_ONLY if read_only else "")
    name = shlex.quote(database) if database else '"$POSTGRES_DB"'
    become, user = ("", shlex.quote(role)) if role else (f"{WHO}; ", '"$admin"')
    script = f"{become}export PGOPTIONS={shlex.quote(settings)}; exec psql -U {user} -d {name}{options}"
    return compose.execute(project, "postgres", ["sh", "-c", script], terminal=terminal)
