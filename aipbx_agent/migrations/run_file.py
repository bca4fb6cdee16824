"""One migration is run, in one transaction with its line in the ledger; its error is kept."""

from __future__ import annotations

import re

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import run
from aipbx_agent.databases.postgres import sessions
from aipbx_agent.databases.postgres.client import LONG, PSQL
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.quoting import literal
from aipbx_agent.migrations import due, ledger, lock_guard
from aipbx_agent.migrations.due import Pending, Request
from aipbx_agent.migrations.facts import Facts
from aipbx_agent.migrations.ledger import RUN, Row

_ERROR = re.compile(r"^psql:<stdin>:(?P<line>\d+): (?P<message>(ERROR|FATAL|PANIC):.*)$", re.MULTILINE)
_MORE = re.compile(r"^(DETAIL|HINT|LINE \d+|CONTEXT): .*$", re.MULTILINE)
_BUSY = "canceling statement due to lock timeout"
_SLOW = "canceling statement due to statement timeout"
# Exit codes of psql that its own words explain: a failing script, a lost server, no server.
_TOLD = (0, 1, 2, 3)
# Who may be in the way: open transactions, oldest first; not what they say, in which there may be secrets.
_OTHERS = """
SELECT format('%s (%s, process %s, open for %s s)', coalesce(nullif(application_name, ''), 'a session'), state, pid,
    round(extract(epoch FROM now() - xact_start)))
FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start LIMIT 3
"""


def row(request: Request, migration: Pending, how: str, point: str = "") -> Row:
    """Return a file's line in the ledger, as this release has it."""
    return Row(migration.name, migration.sha256, how, request.release, migration.breaks, point)


def carry_out(config: Config, server: Postgres, request: Request, migration: Pending, point: str) -> None:
    """Run a file.

    Raises:
        Failed: with the server's words; nothing of it stays.
    """
    source, facts = (request.files or {})[migration.name], due.understand(request, migration.name)
    deadlines = (request.lock_seconds, request.statement_seconds)
    text = ledger.script(source, row(request, migration, RUN, point), facts, config.role, *deadlines)
    inside = ["psql", "--username", server.user, *PSQL, "--dbname", config.database, "--file", "-"]
    argv = server.beside(leave=sessions.OF_THE_DATABASE)
    # Errors come on both outputs, in their order.
    argv += ["sh", "-c", 'exec "$@" 2>&1', "sh", *inside]
    with events.step(migration.name):
        with lock_guard.watching(server, config.database, request.lock_seconds):
            output = run(argv, seconds=LONG, stdin=text.encode(), fine=_TOLD).decode(errors="replace")
        # Whether its line is there says whether it was committed, also when the connection was lost just then.
        sql = f"SELECT how FROM {ledger.SCHEMA}.migrations WHERE name = {literal(migration.name)}"
        try:
            recorded = server.psql(sql, config.database)
        except Failed as problem:
            raise Failed(
                f"The connection to the database was lost during migration {migration.name}; "
                "it is applied completely or not at all.",
                problem.why,
                f"When it runs again (inv status), inv migrate --dry --host={config.host} says which.",
            ) from None
        if recorded != [RUN]:
            raise _failure(config, server, request, migration.name, output)


def _failure(config: Config, server: Postgres, request: Request, name: str, output: str) -> Failed:
    what = f"Migration {name} failed, and nothing of it stays."
    why = error_message(output, due.understand(request, name))
    if _BUSY in output or lock_guard.ENDED in output:
        others = "; ".join(server.psql(_OTHERS, config.database)) or "they have ended meanwhile"
        return Failed(
            what,
            f"{why}. It waited {request.lock_seconds:g} s (migration_lock_seconds), others behind it. "
            f"Open transactions: {others}.",
            "Run it again when they have ended, or at a quieter hour.",
        )
    if _SLOW in output:
        return Failed(
            what,
            f"{why}. It may take {request.statement_seconds:g} s (migration_statement_seconds).",
            "Make it smaller steps, or raise that setting for this host, for a quiet hour.",
        )
    return Failed(what, why, "Fix it in a new commit; what is applied stays as it is.")


def error_message(output: str, facts: Facts) -> str:
    """Return what psql said of a failure, in one line, with the line of the file.

    Args:
        output: its output.
        facts: of the file, which psql read from its second line on.
    """
    error = _ERROR.search(output)
    if not error:
        return " / ".join(output.strip().splitlines()[-3:])[:600] or "psql printed no message."
    last = int(error["line"]) - 1
    place = next((statement for statement in facts.statements if statement.line <= last <= statement.last), None)
    lines = f"line {last}" if place is None or place.line == place.last else f"lines {place.line} to {place.last}"
    more = [match.group().strip() for match in _MORE.finditer(output, error.end())][:3]
    return " / ".join([f"{lines}: {error['message']}", *more])[:800]
