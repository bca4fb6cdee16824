"""`aipbx-agent migrations`: what a release's migrations would do to this host's database.

It runs none, and waits for no one: so a release that brings none comes also while a backup is taken. Standard input is
what `inv` knows of the release, as JSON (`Given`); the result is a `Found`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

from aipbx_agent.backup import sets
from aipbx_agent.contract import FIRST_START, KNOWN, LIVES, NEW, NO_SERVER, OTHER
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.databases import engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.migrations import facts as reading
from aipbx_agent.migrations import ledger, losses
from aipbx_agent.migrations.facts import Facts
from aipbx_agent.migrations.ledger import BASELINE, Row


@dataclass(frozen=True)
class Request:
    """What `inv` brings.

    Args:
        release: the backend's SHA.
        files: the dated files of that commit: content by name; None: they are not at hand (a rollback).
        facts: what each of them does (`Facts`), by name.
        without: files that were applied and that this release does not know, by agreement.
        allow: files that may delete rows.
        early: files that a new database gets before the application's first start.
        skipped: files that a new database does not get, each with the reason.
        run_marked: files that were only marked as applied and shall run; empty: all of them, but for those of a new
            database alone; None: none.
        shown: whether an operator has seen what there is to run; a server that did not run could not tell it.
        lives: whether the database was cared for by hand until now: what it has is taken as applied.
        baseline: files to mark as applied; empty: all that the database has not seen; None: none.
        lock_seconds, statement_seconds: of each file's session.
    """

    release: str
    files: dict[str, str] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    run_marked: tuple[str, ...] | None = None
    shown: bool = True
    lives: bool = False
    baseline: tuple[str, ...] | None = None
    lock_seconds: float = 3
    statement_seconds: float = 300


@dataclass(frozen=True)
class Pending:
    """A file that would be run, or marked.

    Args:
        name, sha256: the file's.
        breaks: what an older release may not run with; empty: it can.
        losses: what needs consent, a line each.
    """

    name: str
    sha256: str
    breaks: str
    losses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What there is to do.

    Args:
        state: OTHER than PostgreSQL; NO_SERVER: it does not run; NEW: the application makes its tables when it starts;
            FIRST_START: it was to do so, and not all that belongs to it was done; LIVES: everything is taken as
            applied; KNOWN: there is a ledger.
        pending: the files to run, in order; of one that LIVES: to be marked; of a new one: also those to be skipped.
        missing: what the database has seen and this release does not know.
        absent: what files that were only marked as applied would have made, and this database does not have.
        sets: the backup sets on this host.
    """

    state: str
    pending: list[Pending] = field(default_factory=list)
    missing: list[Row] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether a release comes for which there is nothing to do."""
    parser.add_argument("--record", action="store_true", help="write down which files the release knows")


def main(config: Config, options: argparse.Namespace) -> None:
    """Report what there is to do."""
    request = read()
    server = live(config) if config.dialect == "postgres" else None
    plan = look(config, server, request) if server else Outcome(OTHER if config.dialect != "postgres" else NO_SERVER)
    if options.record and server and plan.state == KNOWN and not plan.pending:
        ledger.release(server, config.database, request.release, sorted(request.files or {}))
    events.result(**asdict(plan))


def read() -> Request:
    """What `inv` brings on standard input.

    Raises:
        Refused: it is something else.
    """
    try:
        raw: dict[str, Any] = json.load(sys.stdin)
        lists = {name: tuple(value) for name, value in raw.items() if isinstance(value, list)}
        return Request(**{**raw, **lists})
    except (ValueError, TypeError, AttributeError) as problem:
        raise Refused("The release's migrations are missing on standard input.", str(problem), "inv migrate") from None


def refuse_dialect(config: Config) -> None:
    """Refuse a database whose definitions cannot be taken back.

    Raises:
        Refused: it is none of PostgreSQL's.
    """
    if config.dialect != "postgres":
        raise Refused(
            f"Migrations of {config.dialect} are not supported.",
            "It has no transactions around CREATE, ALTER and DROP: a file that fails half way would stay half applied.",
            f"Run those of migrations/{config.dialect} by hand, after: inv backup --host={config.host}",
        )


def live(config: Config) -> Postgres | None:
    """The live server; None: it does not run."""
    try:
        server = engine.live(config)
    except Refused:
        return None
    return server if isinstance(server, Postgres) else None


def look(config: Config, server: Postgres, request: Request) -> Outcome:
    """What there is to do.

    Raises:
        Refused: what the database has seen, or a file that it has not, cannot be continued with.
    """
    rows = ledger.read(server, config.database)
    tables = ledger.tables(server, config.database)
    begun = ledger.in_first_start(server, config.database)
    known = {row.name: row for row in rows or [] if _counts(row, request, new=not tables and not begun)}
    set_names = sets.names(config.backups)
    if request.files is None:
        if rows is None:
            return Outcome(KNOWN, sets=set_names)
        names = ledger.known_to(server, config.database, request.release)
        # A release from before the ledger knew what was marked when the ledger began.
        missing = [row for row in known.values() if (row.how != BASELINE if names is None else row.name not in names)]
        return Outcome(KNOWN, missing=missing, sets=set_names)
    lives = rows is None or (request.lives and not known)
    state = FIRST_START if begun else NEW if not tables else LIVES if lives else KNOWN
    if state == LIVES and not (request.lives or request.baseline is not None) and request.files:
        raise Refused(
            f"Which migrations {config.database} has seen is not known: it has {tables} tables, and no ledger.",
            "Running one a second time loses data; leaving one out breaks the release.",
            f"Were all of the running release applied? inv migrate --baseline --host={config.host}",
        )
    refuse_changed(request, known)
    pending = [name for name in sorted(request.files) if name not in known]
    if state == KNOWN and request.baseline is None and request.run_marked is None:
        refuse_late(pending, known)
    plan = _pending(config, server, request, state, pending)
    missing = [row for row in known.values() if row.name not in request.files]
    return Outcome(state, plan, missing, _absent(config, server, request, known) if state == KNOWN else [], set_names)


def _counts(row: Row, request: Request, *, new: bool) -> bool:
    """Whether a row says that its file is not to run.

    What was marked for a first start that never made a table, or for a take-over that failed, is of no account.
    """
    if row.how != BASELINE:
        return True
    if request.run_marked is None:
        return not (new or request.lives)
    return row.name not in request.run_marked if request.run_marked else row.name in {*request.skipped, *request.early}


def _pending(config: Config, server: Postgres, request: Request, state: str, names: list[str]) -> list[Pending]:
    """The files that have not run, with what they remove.

    On a new database there is nothing but what the application's own start has made.

    Raises:
        Refused: one of them cannot be run.
    """
    understood = {name: understand(request, name) for name in names}
    renames = any(each.renames for each in understood.values())
    runs = request.baseline is None and state in {KNOWN, NEW, FIRST_START}
    pending = []
    for name, facts in understood.items():
        if runs and not (state != KNOWN and name in request.skipped):
            refuse_impossible(name, facts)
        counted = losses.described(server, config.database, facts, renames=renames) if runs and state == KNOWN else []
        pending.append(Pending(name, checksum((request.files or {})[name]), facts.breaks, counted))
    return pending


def _absent(config: Config, server: Postgres, request: Request, known: dict[str, Row]) -> list[str]:
    """What the database lacks of files that were only marked, unless a later file removes it again."""
    marked = [name for name, row in known.items() if row.how == BASELINE and name in (request.files or {})]
    lines = []
    for name in marked:
        if name not in request.skipped and (lacks := losses.absent(server, config.database, understand(request, name))):
            lines.append(f"{name}: {', '.join(lacks)}")
    return lines


def checksum(source: str) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(source.encode()).hexdigest()


def understand(request: Request, name: str) -> Facts:
    """What a file would do."""
    return reading.of(request.facts[name])


def refuse_changed(request: Request, known: dict[str, Row]) -> None:
    """Refuse a file that is not what was applied.

    Raises:
        Refused: names both checksums.
    """
    for name, source in sorted((request.files or {}).items()):
        row = known.get(name)
        if row and row.sha256 != checksum(source) and name not in (request.baseline or ()):
            raise Refused(
                f"Migration {name} is not what was applied on {row.at} UTC.",
                f"Applied: SHA-256 {row.sha256}; in {request.release[:12]}: {checksum(source)}.",
                "Give the file its content back, and write what is new into a new file. If the change is of no "
                f"effect (a comment): inv migrate --baseline={name}",
            )


def refuse_late(pending: Collection[str], known: Collection[str]) -> None:
    """Refuse a file that is dated before one that was applied: nothing is reordered.

    Raises:
        Refused: there is one.
    """
    newest = max(known, default="")
    for name in pending:
        if name[:10] < newest[:10]:
            raise Refused(
                f"Migration {name} is out of order.",
                f"{newest} is applied already and has a later date; files run in the order of their dates.",
                f"Give it a later date in the repository; if it was run by hand: inv migrate --baseline={name}",
            )


def refuse_impossible(name: str, facts: Facts) -> None:
    """Refuse a file with a statement that cannot be run in a transaction of ours.

    Raises:
        Refused: names the first, and what to do.
    """
    for line, statement, why, do in facts.cannot:
        raise Refused(f"{name}, line {line}: {statement} cannot be run.", why, do.format(file=name))


def refuse_losses(plan: Outcome, request: Request) -> None:
    """Refuse to remove rows without consent.

    Raises:
        Refused: names file, table and rows.
    """
    for migration in plan.pending:
        if migration.losses and migration.name not in request.allow:
            raise Refused(
                f"Migration {migration.name} would delete rows.",
                "; ".join(migration.losses),
                f"If that is what you want: --allow-destructive={migration.name}",
            )
