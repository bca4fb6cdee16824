"""MySQL's data become the live ones of PostgreSQL: carried over beside them, compared, tried out, and put in place.

The new database is the live one's schema, with the source's rows: MySQL writes them as COPY reads them, all of one
moment, and psql reads it. Indexes, references and triggers come afterwards: so the server itself finds a reference that
leads nowhere. Nothing of a run that failed stays; the next one begins again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from aipbx_agent import cleanup
from aipbx_agent.backup import compare, sets
from aipbx_agent.contract import UPLOAD
from aipbx_agent.core import disk, docker, events, signals
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import pipe, run
from aipbx_agent.databases import engine, names
from aipbx_agent.databases.postgres import sessions
from aipbx_agent.databases.postgres.client import LONG
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.quoting import identifier, literal
from aipbx_agent.mysql_import import copy_sql, import_plan, mysql_source
from aipbx_agent.mysql_import.import_plan import Plan
from aipbx_agent.mysql_import.mysql_source import Reader
from aipbx_agent.release.containers import colours
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.restore import clear_data, incoming, restore, swap, swap_plan, trial_backend

# Who owns which sequence, and how far it goes.
SEQUENCES = """
SELECT json_build_array(a.attname, s.oid::regclass::text, q.seqmax)
FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refobjid = {table}::regclass
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """From where, and what of it."""
    parser.add_argument("source", help="container:NAME, or the name of a mysqldump file in backups/incoming")
    parser.add_argument("--database", default="", help="its name in that container")
    parser.add_argument("--without", default="", help="tables that are left out, with commas")


def main(config: Config, options: argparse.Namespace) -> None:
    """Import, and tell what came of it."""
    begun = time.monotonic()
    cleanup.clear(config)
    try:
        result = _imported(config, options)
    finally:
        path = incoming.folder(config) / options.source
        if path.name.startswith(UPLOAD) and path.is_file():
            path.unlink()
    events.result(seconds=round(time.monotonic() - begun, 1), **result)


def _imported(config: Config, options: argparse.Namespace) -> dict[str, object]:
    server = engine.live(config)
    if not isinstance(server, Postgres):
        raise Refused(
            f"{config.host} runs {server.name}.", "MySQL's data are imported into PostgreSQL.", "inv restore takes them"
        )
    without = tuple(name for name in options.without.split(",") if name)
    label = sets.name_of(datetime.now(timezone.utc))
    clear_data.refuse(config, incoming.title(options.source), "", scrubbed=False)
    with ExitStack() as held:
        restore.refuse_pending(config)
        # Refused where no release ever ran.
        docker.container(config.project, colours.active(config, "backend"), running=False)
        held.enter_context(deploy_lock.held(config, "import from MySQL"))
        reader = held.enter_context(mysql_source.opened(config, options.source, options.database))
        plan = import_plan.make(reader, server, config.database, without)
        for note in plan.notes:
            events.note(note)
        volume = docker.volume(config.raw["volumes"]["postgres_data"])
        needs = 3.0 * plan.bytes + server.size(config.database)
        disk.require({volume: needs + min(needs, restore.LOG_BYTES)}, int(config.raw["min_free_disk_mib"]))
        try:
            return _carried(config, server, reader, plan, label)
        except BaseException:
            with signals.undisturbed():
                cleanup.clear(config)
            raise


def _carried(config: Config, server: Postgres, reader: Reader, plan: Plan, label: str) -> dict[str, object]:
    new = names.database(config.database, names.IMPORTED, label)
    disks = [docker.volume(name) for name in config.raw["volumes"].values()]
    partial = Path(tempfile.mkdtemp(prefix=sets.ASIDE, dir=incoming.folder(config)))
    try:
        with disk.watched(disks, int(config.raw["min_free_disk_mib"]) // 2):
            with events.step(f"{new}, a new database with the live one's schema"):
                _prepared(config, server, plan, new, partial / "schema.dump")
            with events.step(f"{len(plan.tables)} tables imported from one consistent snapshot"):
                _copied(server, reader, plan, new, partial / "reading.sql")
            with events.step("indexes, references and triggers"):
                _completed(server, reader, new, partial / "schema.dump")
            with events.step("every table counted, and its values compared"):
                rows = _compared(server, reader, plan, new)
            server.finish(new, config.database)
            trial_backend.check(config, server, new, label)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for table in plan.stays:
        events.note(f"{table}: not in the source; its live rows are retained.")
    change = swap_plan.planned(config, f"import of {reader.title}", label, names.BEFORE, new, [])
    held = swap.carry_out(config, server, change)
    return {
        "of": reader.title,
        "tables": len(plan.tables),
        "rows": sum(rows.values()),
        "by_table": rows,
        "kept": change.kept,
        "held_seconds": round(held, 1),
    }


def _place(table: copy_sql.Table) -> str:
    return f"{identifier(table.schema)}.{identifier(table.target)}"


def _prepared(config: Config, server: Postgres, plan: Plan, new: str, dump: Path) -> None:
    argv = ["--dbname", config.database, "--format=custom", "--compress=0"]
    argv += [f"--exclude-table-data={_place(table)}" for table in plan.tables]
    run(server.client("pg_dump", *argv), seconds=LONG, into=dump)
    about = server.about(dump)
    server.create(new, about, config.role)
    sections = ["--section=pre-data", "--section=data", "--exit-on-error"]
    run(server.client("pg_restore", "--dbname", new, *sections), seconds=LONG, source=dump)
    server.attempt(about.given_to(identifier(new)))
    server.psql(f"CREATE TABLE {copy_sql.FIGURES} (number integer, figures text, changed text)", new)


def _copied(server: Postgres, reader: Reader, plan: Plan, new: str, script: Path) -> None:
    script.write_text(copy_sql.reading(plan.tables), "utf-8")
    argv = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", new, "--file", "-"]
    try:
        with docker.every_core(server.container, server.cpus):
            # What the application's own checks call may name things without a schema.
            client = server.client("psql", *argv, settings=server.loading, leave=sessions.OF_THE_DATABASE)
            pipe([reader.command, client], seconds=LONG, source=script)
    except Failed as problem:
        raise Failed(
            f"{reader.title} cannot be imported; nothing live was touched.",
            problem.why,
            "Fix that row where it comes from, or leave its table out (--without=…); then run it again.",
        ) from None


def _completed(server: Postgres, reader: Reader, new: str, dump: Path) -> None:
    argv = ["--dbname", new, "--section=post-data", "--exit-on-error"]
    try:
        run(server.client("pg_restore", *argv, settings=server.loading), seconds=LONG, source=dump)
    except Failed as problem:
        raise Failed(
            f"The rows of {reader.title} are not what the application's schema takes; nothing live was touched.",
            problem.why,
            "Fix those rows where they come from (MySQL did not validate them), then run it again.",
        ) from None


def _compared(server: Postgres, reader: Reader, plan: Plan, new: str) -> dict[str, int]:
    """Compare every table with what the source reported of it, and let the sequences continue.

    Returns: rows by table.
    """
    reported = [row.split("|") for row in server.psql(f"SELECT * FROM {copy_sql.FIGURES} ORDER BY number", new)]
    lines = server.psql("".join(copy_sql.target_figures(table) for table in plan.tables), new, LONG)
    if not len(reported) == len(lines) == len(plan.tables):
        raise Failed(
            f"{reader.title} was not read completely; nothing live was touched.",
            f"It reported {len(reported)} of {len(plan.tables)} tables.",
            "Run it again.",
        )
    different = []
    for table, (_, theirs, _), ours in zip(plan.tables, reported, lines, strict=True):
        pairs = zip(copy_sql.meanings(table), theirs.split(","), ours.split(","), strict=True)
        different += [
            f"{table.target}: {what} {'differs' if what.startswith('content') else f'were {a} and are {b}'}"
            for what, a, b in pairs
            if not _same(a, b)
        ]
    if different:
        raise Failed(
            f"{reader.title} was not imported unchanged; nothing live was touched.",
            compare.shown(different),
            "Leave that table out (--without=…), and report it to this program's maintainers.",
        )
    for table, (_, _, changed) in zip(plan.tables, reported, strict=True):
        zeros, nul = (int(float(count)) for count in changed.split(","))
        if zeros or nul:
            events.note(f"{table.target}: {zeros} dates of zeros became NULL or 1970, {nul} texts lost the sign NUL.")
        if columns := _sequences(server, table, new):
            server.psql(copy_sql.sequences(table, plan.counters.get(table.source, 0), columns), new)
    server.psql(f"DROP TABLE {copy_sql.FIGURES}", new)
    return {table.target: int(figures.split(",")[0]) for table, figures in zip(plan.tables, lines, strict=True)}


def _sequences(server: Postgres, table: copy_sql.Table, new: str) -> list[tuple[str, str, int]]:
    rows = server.psql(SEQUENCES.format(table=literal(_place(table))), new)
    return [(column, sequence, int(most)) for column, sequence, most in map(json.loads, rows)]


def _same(theirs: str, ours: str) -> bool:
    """Return whether two figures are the same number: 1.50 and 1.5 are."""
    if theirs == ours:
        return True
    return "." in theirs + ours and "-" not in {theirs, ours} and _plain(theirs) == _plain(ours)


def _plain(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
