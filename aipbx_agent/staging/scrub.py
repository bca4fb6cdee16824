"""`aipbx-agent scrub`: a verified set becomes one whose customers are made up, for a staging host.

It is loaded into a scratch server, as a verification does, scrubbed there by the rules on standard input, and dumped.
Clear data so stay where they are: in the sets of this host, and in that server, which is deleted.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aipbx_agent import cleanup
from aipbx_agent.backup import compare, loading, sets, take
from aipbx_agent.backup.loading import Load
from aipbx_agent.backup.sets import Manifest
from aipbx_agent.core import disk, docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.databases import engine, throwaway
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.postgres.client import LONG
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.restore.source import mismatch
from aipbx_agent.staging import request, schema
from aipbx_agent.staging.rules import Rules

# Rows as they came, as they became, and the log of both.
GROWS = 4.0
# Without their details, which quote rows, errors may be shown to anyone. No trigger sees what a row was.
_BEGIN = "\\set VERBOSITY terse\nBEGIN;\nSET LOCAL session_replication_role = replica;\n"
# A large object belongs to no column. What refers to rows is checked once more, as no trigger has.
_END = """
SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata \\g /dev/null
CREATE TEMPORARY TABLE aipbx_references ON COMMIT DROP AS
SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname) AS command
FROM pg_constraint WHERE contype = 'f' AND convalidated;
UPDATE pg_constraint SET convalidated = false WHERE contype = 'f' AND convalidated;
SELECT command FROM aipbx_references \\gexec
COMMIT;
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which."""
    parser.add_argument("name", help="a verified set")


def main(config: Config, options: argparse.Namespace) -> None:
    """Make a scrubbed set, in place of one that is there.

    Raises:
        Refused: the set is not verified, a column has no rule, or there is no room; nothing was touched.
        Failed: there is none, and nothing of it is left.
    """
    wanted, digest = request.read()
    cleanup.clear(config)
    refuse_unverified(config, options.name)
    live = request.postgres(engine.live(config))
    path = sets.folder(config.backups) / options.name
    with events.step("every byte of the set is as it was written"):
        original = sets.check(path)
    _refuse_full(config, original)
    place = sets.scrubbed_folder(config.backups)
    shutil.rmtree(place, ignore_errors=True)
    with _scratch(config, live) as server:
        gone = _scrubbed(server, original, path, wanted)
        manifest = _written(server, original, wanted, digest, place)
    events.result(
        folder=str(place),
        gone=gone,
        rows=sum(manifest.contents.tables.values()),
        tables=len(manifest.contents.tables),
        bytes=manifest.bytes,
        files=list(manifest.files),
    )


def refuse_unverified(config: Config, name: str) -> None:
    """Refuse a set that no one has proved.

    Raises:
        Refused: it is not there, or not verified.
    """
    if name not in sets.names(config.backups) or not sets.verified(config.backups, name):
        raise Refused(
            f"{name} is not a verified set of {config.host}.",
            "Only what was restored and compared once is brought to staging.",
            f"inv verify --host={config.host}",
        )


def _refuse_full(config: Config, original: Manifest) -> None:
    # Docker keeps all volumes on one disk, the scratch server's too.
    volume = docker.volume(config.raw["volumes"]["postgres_data"])
    dump = max(int(file["bytes"]) for file in original.files.values())
    needs = {volume: GROWS * original.database_bytes, config.backups: float(dump)}
    disk.require(needs, int(config.raw["min_free_disk_mib"]))


@contextmanager
def _scratch(config: Config, live: Postgres) -> Iterator[Postgres]:
    disks = [docker.volume(name) for name in config.raw["volumes"].values()]
    with disk.watched(disks, int(config.raw["min_free_disk_mib"]) // 2), throwaway.server(config, live) as server:
        yield request.postgres(server)


def _scrubbed(server: Postgres, original: Manifest, path: Path, wanted: Rules) -> list[str]:
    """Load a set, and scrub it.

    Returns: rules for what it does not have.
    """
    if original.engine != server.name:
        raise mismatch(original.name, original.engine, server)
    with events.step("loaded into a scratch server"):
        what = Load(path / server.dump_file, original.role, original.contents.roles, original.role)
        loading.load(server, what, original.database, lambda _: None)
    loaded = schema.read(server, original.database)
    request.refuse_unruled(wanted, loaded)
    with events.step("scrubbed by the rules"):
        _apply(server, f"{_BEGIN}{wanted.sql(loaded, secrets.token_hex(32))}{_END}", original.database)
    return wanted.gone(loaded)


def _apply(server: Postgres, sql: str, database: str) -> None:
    try:
        server.psql(sql, database, LONG)
    except Failed as problem:
        raise Failed(
            "The scrub rules do not fit this database.", problem.why, "Give the column that it is about another rule."
        ) from None


def _written(server: Postgres, original: Manifest, wanted: Rules, digest: str, place: Path) -> Manifest:
    """Dump what was scrubbed, and make a set of it that has no files: what customers uploaded stays."""
    partial = place / f"{sets.ASIDE}scrub"
    partial.mkdir(parents=True, mode=0o700)
    dump, database = partial / server.dump_file, original.database
    try:
        with events.step("every table counted, dumped, read again"), server.moment(database) as moment:
            contents = server.contents(database, moment)
            _refuse_others(_expected(original.contents, wanted), contents)
            server.dump(database, dump, moment)
            take.check(server, dump, contents)
        manifest = replace(
            original,
            database_bytes=server.size(database),
            contents=replace(contents, roles=original.contents.roles, stays=original.contents.stays),
            volumes={},
            files=take.hashes(partial),
            format=sets.SCRUBBED_FORMAT,
            scrubbed=digest,
        )
        sets.complete(partial, manifest)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return manifest


def _expected(contents: Contents, wanted: Rules) -> Contents:
    rows = {name: 0 if name in wanted.empty else count for name, count in contents.tables.items()}
    return replace(contents, tables=rows, large_objects=0)


def _refuse_others(expected: Contents, actual: Contents) -> None:
    """Refuse when rows went, or came: something of the application's ran meanwhile, and may have copied what was.

    Raises:
        Failed: it did.
    """
    if different := compare.differences(expected, actual):
        raise Failed("The database was not scrubbed as the rules say.", compare.shown(different), "Use another set.")
