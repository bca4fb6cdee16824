"""`aipbx-agent migrate`: a release's migrations are run, each in one transaction with its line in the ledger.

On a new database the application makes its tables first (first_start.py): those are not yet what the files make.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

from aipbx_agent import cleanup
from aipbx_agent.backup import sets, take
from aipbx_agent.contract import FIRST_START, KNOWN, LIVES, NEW
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Interrupted, Refused
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.migrations import baseline, due, first_start, ledger, losses, run_file
from aipbx_agent.migrations.due import Found, Given, Pending
from aipbx_agent.migrations.ledger import BASELINE
from aipbx_agent.release.lock import deploy_lock


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


def refuse_unseen(found: Found, request: Given) -> None:
    """Refuse to run what no one was shown.

    Raises:
        Refused: there is something to run.
    """
    if found.state == KNOWN and found.pending and not request.shown:
        raise Refused(
            f"{len(found.pending)} migrations are to be run, and no one has reviewed them.",
            "The database did not run when the plan was made; now it does.",
            "Run the same command again: it shows them, and asks.",
        )


def refuse_unknown(found: Found, request: Given) -> None:
    """Refuse a release that does not know what was applied, unless that is agreed upon.

    Raises:
        Refused: names the file and its checksum.
    """
    for row in found.missing:
        if row.name not in request.without and request.baseline is None:
            raise Refused(
                f"Migration {row.name} was applied on {row.at} UTC, and {request.release[:12]} does not have it.",
                f"Applied: SHA-256 {row.sha256}, with {row.release[:12]}; now: none.",
                "Bring the file back into the repository.",
            )


def _carried_out(config: Config, server: Postgres, request: Given, found: Found) -> Done:
    database = config.database
    if request.baseline is not None:
        chosen = baseline.chosen(request, found)
        ledger.mark(server, database, chosen)
        return Done(marked=[row.name for row in chosen])
    if found.state in {NEW, FIRST_START}:
        return _new_database(config, server, request, found)
    if found.state == LIVES:
        rows = [run_file.row(request, one, BASELINE) for one in found.pending]
        ledger.mark(server, database, rows)
        return Done(marked=[row.name for row in rows])
    point = restore_point(config, server) if found.pending else ""
    return Done(_run_all(config, server, request, found, point), [], point)


def _new_database(config: Config, server: Postgres, request: Given, found: Found) -> Done:
    """Fill a new database: early files, the application's tables, the other files.

    Each step is in the ledger when it is done, so that the next deploy continues where this one ends.
    """
    if found.state == NEW:
        ledger.begin_first_start(server, config.database)
    for name in (name for name in request.early if name not in (request.files or {})):
        events.note(f"{name} of migrations_before_first_start is not in {request.release[:12]}, and was not run.")
    early = [one for one in found.pending if one.name in request.early]
    for one in early:
        run_file.carry_out(config, server, request, one, "")
    first_start.make_tables(config)
    later = [one for one in found.pending if one not in early]
    skipped = [one for one in later if one.name in request.skipped]
    ledger.mark(server, config.database, [run_file.row(request, one, BASELINE) for one in skipped])
    runs = [one for one in later if one not in skipped]
    for one in runs:
        try:
            run_file.carry_out(config, server, request, one, "")
        except Failed as problem:
            raise Failed(problem.what, problem.why, f"{problem.do} {_superfluous(one.name)}") from None
    ledger.end_first_start(server, config.database)
    return Done([one.name for one in [*early, *runs]], [one.name for one in skipped])


def _superfluous(name: str) -> str:
    return (
        f"Or, where the application's first start makes what {name} makes, or it cannot run on those tables: name it "
        "in migrations_skipped_on_new_database (group_data/all.py), with the reason. The next deploy continues."
    )


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


def _run_all(config: Config, server: Postgres, request: Given, found: Found, point: str) -> list[str]:
    done: list[str] = []
    for one in found.pending:
        # What was run before it may have filled the table that it removes, or given it its name.
        facts = due.understand(request, one.name)
        counted = losses.described(server, config.database, facts, renames=facts.renames)
        now = Pending(one.name, one.sha256, one.breaks, counted)
        try:
            due.refuse_losses(Found(KNOWN, [now]), request)
            run_file.carry_out(config, server, request, one, point)
        except (Failed, Refused, Interrupted) as problem:
            stay = f" {', '.join(done)} stay applied." if done else " No other was run."
            way = f" The data from before: inv restore {point} --host={config.host}" if done else ""
            raise Failed(problem.what + stay, problem.why, problem.do + way) from None
        done.append(one.name)
    return done
