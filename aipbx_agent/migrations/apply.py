"""`aipbx-agent migrate`: a release's migrations are run, each in one transaction with its line in the ledger.

On a new database the application makes its tables first (first_start.py): those are not yet what the files make.
"""

from __future__ import annotations

import argparse
import re
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

from aipbx_agent import cleanup
from aipbx_agent.backup import sets, take
from aipbx_agent.contract import FIRST_START, KNOWN, LIVES, NEW
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Interrupted, Refused
from aipbx_agent.core.process import run
from aipbx_agent.databases import sessions
from aipbx_agent.databases.postgres import Postgres
from aipbx_agent.databases.postgres_client import LONG, PSQL
from aipbx_agent.databases.quoting import literal
from aipbx_agent.migrations import due, first_start, ledger, lock_guard, losses
from aipbx_agent.migrations.due import Found, Given, Pending
from aipbx_agent.migrations.facts import Facts
from aipbx_agent.migrations.ledger import BASELINE, RUN, Row
from aipbx_agent.release import deploy_lock

_ERROR = re.compile(r"^psql:<stdin>:(?P<line>\d+): (?P<told>(ERROR|FATAL|PANIC):.*)$", re.MULTILINE)
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


@dataclass(frozen=True)
class Done:
    """What came of it.

    Args:
        run: the files that were run.
        marked: those that were not, and count as applied from now on.
        restore_point: the backup set from before; empty: none was taken.
    """

    run: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    restore_point: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether it takes the deploy lock: a deploy has it already."""
    parser.add_argument("--lock", action="store_true", help="hold the deploy lock meanwhile")


def main(config: Config, options: argparse.Namespace) -> None:
    """Run or mark what there is, and tell what came of it.

    Raises:
        Refused: nothing was touched.
        Failed: a file failed, and is rolled back.
    """
    given = due.read()
    due.refuse_dialect(config)
    cleanup.clear(config)
    with ExitStack() as held:
        if options.lock:
            held.enter_context(deploy_lock.held(config, "migrations"))
        server = due.live(config)
        if server is None or given.files is None:
            raise Refused(
                f"{config.host} has no database to migrate.",
                "postgres does not run, or no files were given.",
                f"inv status --host={config.host}",
            )
        found = due.look(config, server, given)
        refuse_unseen(found, given)
        refuse_unknown(found, given)
        due.refuse_losses(found, given)
        done = _carried_out(config, server, given, found)
        ledger.release(server, config.database, given.release, sorted(given.files))
    events.result(state=found.state, **asdict(done))


def refuse_unseen(found: Found, given: Given) -> None:
    """Refuse to run what nobody was shown.

    Raises:
        Refused: there is something to run.
    """
    if found.state == KNOWN and found.pending and not given.shown:
        raise Refused(
            f"{len(found.pending)} migrations are to be run, and no one has reviewed them.",
            "The database did not run when the plan was made; now it does.",
            "Run the same command again: it shows them, and asks.",
        )


def refuse_unknown(found: Found, given: Given) -> None:
    """Refuse a release that does not know what was applied, unless that is agreed upon.

    Raises:
        Refused: names the file and its checksum.
    """
    for row in found.missing:
        if row.name not in given.without and given.baseline is None:
            raise Refused(
                f"Migration {row.name} was applied on {row.at} UTC, and {given.release[:12]} does not have it.",
                f"Applied: SHA-256 {row.sha256}, with {row.release[:12]}; now: none.",
                "Bring the file back into the repository.",
            )


def _carried_out(config: Config, server: Postgres, given: Given, found: Found) -> Done:
    database = config.database
    if given.baseline is not None:
        chosen = _chosen(given, found)
        ledger.mark(server, database, chosen)
        return Done(marked=[row.name for row in chosen])
    if found.state in {NEW, FIRST_START}:
        return _new_database(config, server, given, found)
    if found.state == LIVES:
        rows = [_row(given, one, BASELINE, "") for one in found.pending]
        ledger.mark(server, database, rows)
        return Done(marked=[row.name for row in rows])
    point = restore_point(config, server) if found.pending else ""
    return Done(_run_all(config, server, given, found, point), [], point)


def _new_database(config: Config, server: Postgres, given: Given, found: Found) -> Done:
    """Fill a new database: early files, the application's tables, the other files.

    Each step is in the ledger when it is done, so that the next deploy continues where this one ends.
    """
    if found.state == NEW:
        ledger.begin_first_start(server, config.database)
    for name in (name for name in given.early if name not in (given.files or {})):
        events.note(f"{name} of migrations_before_first_start is not in {given.release[:12]}, and was not run.")
    early = [one for one in found.pending if one.name in given.early]
    for one in early:
        _run(config, server, given, one, "")
    first_start.make_tables(config)
    later = [one for one in found.pending if one not in early]
    skipped = [one for one in later if one.name in given.skipped]
    ledger.mark(server, config.database, [_row(given, one, BASELINE, "") for one in skipped])
    runs = [one for one in later if one not in skipped]
    for one in runs:
        try:
            _run(config, server, given, one, "")
        except Failed as problem:
            raise Failed(problem.what, problem.why, f"{problem.do} {_superfluous(one.name)}") from None
    ledger.end_first_start(server, config.database)
    return Done([one.name for one in [*early, *runs]], [one.name for one in skipped])


def _superfluous(name: str) -> str:
    return (
        f"Or, where the application's first start makes what {name} makes, or it cannot run on those tables: name it "
        "in migrations_skipped_on_new_database (group_data/all.py), with the reason. The next deploy continues."
    )


def _chosen(given: Given, found: Found) -> list[Row]:
    """What to mark as applied: the named files, or all that the database has not seen."""
    files = given.files or {}
    if found.state in {NEW, FIRST_START}:
        raise Refused(
            f"{given.release[:12]}'s first start has not finished on this database, so nothing is marked.",
            "It runs the files on the tables that the application makes.",
            "inv deploy continues it; a file that is not to run there: migrations_skipped_on_new_database.",
        )
    if found.state == LIVES and given.baseline:
        raise Refused(
            "There is no ledger yet, so one file alone cannot be marked.",
            "All others would count as not applied, and be run.",
            "Mark all of the running release first: inv migrate --baseline",
        )
    rows = {one.name: _row(given, one, BASELINE, "") for one in found.pending}
    for name in given.baseline or ():
        if name not in files:
            raise Refused(
                f"There is no migration {name!r} in {given.release[:12]}.",
                f"Its newest is {max(files, default='none')}.",
                "Name a file as it is called in the repository, without its folder.",
            )
        breaks = due.understand(given, name).breaks
        rows.setdefault(name, _row(given, Pending(name, due.checksum(files[name]), breaks), BASELINE, ""))
    return [row for name, row in rows.items() if not given.baseline or name in given.baseline]


def restore_point(config: Config, server: Postgres) -> str:
    """Take a backup set, as every night, and tell its name.

    Raises:
        Refused: there is no room.
        Failed: there is no set; no migration was run.
    """
    events.note("Restore point: a backup set, before the first migration.")
    last = take.comparable(sets.readable(config.backups), config.database, server.name)
    size = server.size(config.database)
    take.refuse_full(config, size, last)
    name = take.made(config, server, size, last).name
    events.note(f"Restore point: {name}. The way back: inv restore {name} --host={config.host}")
    return name


def _run_all(config: Config, server: Postgres, given: Given, found: Found, point: str) -> list[str]:
    done: list[str] = []
    for one in found.pending:
        # What was run before it may have filled the table that it takes away, or given it its name.
        facts = due.understand(given, one.name)
        counted = losses.described(server, config.database, facts, renames=facts.renames)
        now = Pending(one.name, one.sha256, one.breaks, counted)
        try:
            due.refuse_losses(Found(KNOWN, [now]), given)
            _run(config, server, given, one, point)
        except (Failed, Refused, Interrupted) as problem:
            stay = f" {', '.join(done)} stay applied." if done else " No other was run."
            way = f" The data from before: inv restore {point} --host={config.host}" if done else ""
            raise Failed(problem.what + stay, problem.why, problem.do + way) from None
        done.append(one.name)
    return done


def _row(given: Given, one: Pending, how: str, point: str) -> Row:
    return Row(one.name, one.sha256, how, given.release, one.breaks, point)


def _run(config: Config, server: Postgres, given: Given, one: Pending, point: str) -> None:
    """Run a file.

    Raises:
        Failed: with the server's words; nothing of it stays.
    """
    source, facts = (given.files or {})[one.name], due.understand(given, one.name)
    deadlines = (given.lock_seconds, given.statement_seconds)
    text = ledger.script(source, _row(given, one, RUN, point), facts, config.role, *deadlines)
    inside = ["psql", "--username", server.user, *PSQL, "--dbname", config.database, "--file", "-"]
    argv = server.beside(leave=sessions.OF_THE_DATABASE)
    # What failed is told on both outputs, in their order.
    argv += ["sh", "-c", 'exec "$@" 2>&1', "sh", *inside]
    with events.step(one.name):
        with lock_guard.watching(server, config.database, given.lock_seconds):
            said = run(argv, seconds=LONG, stdin=text.encode(), fine=_TOLD).decode(errors="replace")
        # Whether its line is there says whether it was committed, also when the connection was lost just then.
        asked = f"SELECT how FROM {ledger.SCHEMA}.migrations WHERE name = {literal(one.name)}"
        try:
            there = server.psql(asked, config.database)
        except Failed as problem:
            raise Failed(
                f"The connection to the database was lost during migration {one.name}; "
                "it is applied completely or not at all.",
                problem.why,
                f"When it runs again (inv status), inv migrate --dry --host={config.host} says which.",
            ) from None
        if there != [RUN]:
            raise _failure(config, server, given, one.name, said)


def _failure(config: Config, server: Postgres, given: Given, name: str, said: str) -> Failed:
    what = f"Migration {name} failed, and nothing of it stays."
    why = error_message(said, due.understand(given, name))
    if _BUSY in said or lock_guard.ENDED in said:
        others = "; ".join(server.psql(_OTHERS, config.database)) or "they have ended meanwhile"
        return Failed(
            what,
            f"{why}. It waited {given.lock_seconds:g} s (migration_lock_seconds), others behind it. "
            f"Open transactions: {others}.",
            "Run it again when they have ended, or at a quieter hour.",
        )
    if _SLOW in said:
        return Failed(
            what,
            f"{why}. It may take {given.statement_seconds:g} s (migration_statement_seconds).",
            "Make it smaller steps, or raise that setting for this host, for a quiet hour.",
        )
    return Failed(what, why, "Fix it in a new commit; what is applied stays as it is.")


def error_message(said: str, facts: Facts) -> str:
    """What psql said of a failure, in one line, with the line of the file.

    Args:
        said: its output.
        facts: of the file, which psql read from its second line on.
    """
    error = _ERROR.search(said)
    if not error:
        return " / ".join(said.strip().splitlines()[-3:])[:600] or "psql printed no message."
    last = int(error["line"]) - 1
    place = next((one for one in facts.statements if one.line <= last <= one.last), None)
    lines = f"line {last}" if place is None or place.line == place.last else f"lines {place.line} to {place.last}"
    more = [match.group().strip() for match in _MORE.finditer(said, error.end())][:3]
    return " / ".join([f"{lines}: {error['told']}", *more])[:800]
