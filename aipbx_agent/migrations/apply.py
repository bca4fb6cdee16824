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
from aipbx_agent.migrations.due import Outcome, Pending, Request
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
    request = due.read()
    due.refuse_dialect(config)
    cleanup.clear(config)
    with ExitStack() as held:
        if options.lock:
            held.enter_context(deploy_lock.held(config, "migrations"))
        server = due.live(config)
        if server is None or request.files is None:
            raise Refused(
                f"{config.host} has no database to migrate.",
                "postgres does not run, or no files were given.",
                f"inv status --host={config.host}",
            )
        plan = due.look(config, server, request)
        refuse_unseen(plan, request)
        refuse_unknown(plan, request)
        due.refuse_losses(plan, request)
        done = _carried_out(config, server, request, plan)
        ledger.release(server, config.database, request.release, sorted(request.files))
    events.result(state=plan.state, **asdict(done))


def refuse_unseen(plan: Outcome, request: Request) -> None:
    """Refuse to run what no one was shown.

    Raises:
        Refused: there is something to run.
    """
    if plan.state == KNOWN and plan.pending and not request.shown:
        raise Refused(
            f"{len(plan.pending)} migrations are to be run, and no one has reviewed them.",
            "The database did not run when the plan was made; now it does.",
            "Run the same command again: it shows them, and asks.",
        )


def refuse_unknown(plan: Outcome, request: Request) -> None:
    """Refuse a release that does not know what was applied, unless that is agreed upon.

    Raises:
        Refused: names the file and its checksum.
    """
    for row in plan.missing:
        if row.name not in request.without and request.baseline is None:
            raise Refused(
                f"Migration {row.name} was applied on {row.at} UTC, and {request.release[:12]} does not have it.",
                f"Applied: SHA-256 {row.sha256}, with {row.release[:12]}; now: none.",
                "Bring the file back into the repository.",
            )


def _carried_out(config: Config, server: Postgres, request: Request, plan: Outcome) -> Done:
    database = config.database
    if request.baseline is not None:
        chosen = baseline.chosen(request, plan)
        ledger.mark(server, database, chosen)
        return Done(marked=[row.name for row in chosen])
    if plan.state in {NEW, FIRST_START}:
        return _new_database(config, server, request, plan)
    if plan.state == LIVES:
        rows = [run_file.row(request, migration, BASELINE) for migration in plan.pending]
        ledger.mark(server, database, rows)
        return Done(marked=[row.name for row in rows])
    point = restore_point(config, server) if plan.pending else ""
    return Done(_run_all(config, server, request, plan, point), [], point)


def _new_database(config: Config, server: Postgres, request: Request, plan: Outcome) -> Done:
    """Fill a new database: early files, the application's tables, the other files.

    Each step is in the ledger when it is done, so that the next deploy continues where this one ends.
    """
    if plan.state == NEW:
        ledger.begin_first_start(server, config.database)
    for name in (name for name in request.early if name not in (request.files or {})):
        events.note(f"{name} of migrations_before_first_start is not in {request.release[:12]}, and was not run.")
    early = [migration for migration in plan.pending if migration.name in request.early]
    for migration in early:
        run_file.carry_out(config, server, request, migration, "")
    first_start.make_tables(config)
    later = [migration for migration in plan.pending if migration not in early]
    skipped = [migration for migration in later if migration.name in request.skipped]
    ledger.mark(server, config.database, [run_file.row(request, migration, BASELINE) for migration in skipped])
    runs = [migration for migration in later if migration not in skipped]
    for run in runs:
        try:
            run_file.carry_out(config, server, request, run, "")
        except Failed as problem:
            raise Failed(problem.what, problem.why, f"{problem.do} {_superfluous(run.name)}") from None
    ledger.end_first_start(server, config.database)
    return Done([migration.name for migration in [*early, *runs]], [migration.name for migration in skipped])


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
    name = take.make(config, server, size, last).name
    events.note(f"Restore point: {name}. The way back: inv restore {name} --host={config.host}")
    return name


def _run_all(config: Config, server: Postgres, request: Request, plan: Outcome, point: str) -> list[str]:
    done: list[str] = []
    for migration in plan.pending:
        # What was run before it may have filled the table that it removes, or given it its name.
        facts = due.understand(request, migration.name)
        counted = losses.described(server, config.database, facts, renames=facts.renames)
        now = Pending(migration.name, migration.sha256, migration.breaks, counted)
        try:
            due.refuse_losses(Outcome(KNOWN, [now]), request)
            run_file.carry_out(config, server, request, migration, point)
        except (Failed, Refused, Interrupted) as problem:
            stay = f" {', '.join(done)} stay applied." if done else " No other was run."
            way = f" The data from before: inv restore {point} --host={config.host}" if done else ""
            raise Failed(problem.what + stay, problem.why, problem.do + way) from None
        done.append(migration.name)
    return done
