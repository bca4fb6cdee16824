"""The database as it was at a moment, as something that can be restored (source.py).

`@2026-11-23T14:05:00Z` names it; or a file that was brought here with all that it takes, from off this host (`LABEL`).
A base backup and the log since become a database in a throwaway server; its dump goes the way of every other.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from aipbx_agent.backup import sets
from aipbx_agent.core import disk as space
from aipbx_agent.core import docker, events, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.databases.engine import Engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.quoting import literal
from aipbx_agent.pitr import archive, collect, recovery_server, segments, targets, window
from aipbx_agent.pitr.recovery_server import Recovery
from aipbx_agent.restore import incoming
from aipbx_agent.restore.source import Source

# What says which moment a file is for.
LABEL = "point.json"
# Seconds within which PostgreSQL hands a closed segment over.
SWITCH_SECONDS = 120
# So long after a moment a segment that is closed then has it for sure (segments.SURE, and parts of a second).
PAST = 2 * segments.SURE + timedelta(seconds=0.1)
# The log that is replayed, and the dump that is made of it, beside the database itself.
GROWS = 1.5


def is_for(path: Path) -> bool:
    """Whether a file holds what a point-in-time recovery takes."""
    try:
        with tarfile.open(path, "r:") as tar:
            first = tar.next()
    except (tarfile.TarError, EOFError):
        return False
    return first is not None and first.name == LABEL


@contextmanager
def opened(config: Config, server: Engine, text: str) -> Iterator[Source]:
    """The database as it was at a moment, with what this host has.

    Raises:
        Refused: it cannot be.
    """
    at = targets.moment(text)
    targets.refuse_future(at)
    live = _postgres(server)
    base, wal = archive.base(config), archive.wal(config)
    if targets.is_open(config, at):
        with events.step("PostgreSQL closes its current WAL segment"):
            _close(config, live, at)
    found = window.needed(archive.kept_bases(base), archive.kept_segments(wal), at)
    if not found:
        raise targets.outside(config, at)
    with _recovered(config, live, Recovery(at, found, base, wal), config.host) as given:
        yield given


@contextmanager
def brought(config: Config, server: Engine, folder: Path) -> Iterator[Source]:
    """The same, with what was brought here.

    Args:
        server: that it will be restored to.
        folder: with the base backup, the segments, and LABEL.

    Raises:
        Refused: something is missing, or not what it was.
    """
    label = files.read_json(folder / LABEL)
    at = targets.moment(str(label.get("at")))
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    found = window.needed(archive.kept_bases(folder), archive.kept_segments(folder), at)
    base = files.read_json(folder / f"{found.base.name}{archive.LABEL}") if found else {}
    if not found or files.sha256(folder / f"{found.base.name}{archive.TAR}") != base.get("sha256"):
        raise Refused("The files that were brought here do not reach that time.", "A part is missing.", "Run it again.")
    with _recovered(config, _postgres(server), Recovery(at, found, folder, folder), str(base.get("host"))) as given:
        yield given


@contextmanager
def _recovered(config: Config, live: Postgres, what: Recovery, host: str) -> Iterator[Source]:
    label = files.read_json(what.base / f"{what.needs.base.name}{archive.LABEL}")
    spare, size = int(config.raw["min_free_disk_mib"]), int(label.get("database_bytes") or 0)
    disk = docker.volume(config.raw["volumes"]["postgres_data"])
    space.require({disk: GROWS * size, incoming.folder(config): size / 2}, spare)
    aside = Path(tempfile.mkdtemp(prefix=sets.ASIDE, dir=incoming.folder(config)))
    try:
        with space.watched([disk, aside], spare // 2), recovery_server.server(config, live, what) as made:
            given = _dumped(config, made, aside, what.at, host)
        yield given
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _dumped(config: Config, made: Postgres, aside: Path, target: datetime, host: str) -> Source:
    database = config.database
    if database not in made.databases():
        raise Refused(
            f"Database {database} did not exist at that time.",
            f"There were: {', '.join(made.databases())}.",
            "Choose a later time, or a set.",
        )
    dump = aside / made.dump_file
    with events.step("dumped, and every table counted"), made.moment(database) as still:
        contents = made.contents(database, still)
        made.dump(database, dump, still)
    (owner,) = made.psql(f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = {literal(database)}")
    return Source(
        title=f"{target:%Y-%m-%d %H:%M:%S} UTC",
        label=sets.name_of(target),
        folder=aside,
        dump=dump,
        engine=made.name,
        server_version=made.version(),
        host=host,
        taken=f"{target:%Y-%m-%dT%H:%M:%SZ}",
        database_bytes=made.size(database),
        role=owner,
        contents=contents,
        listed=len(contents.tables),
    )


def _postgres(server: Engine) -> Postgres:
    if not isinstance(server, Postgres):
        raise Refused(f"{server.name} does not support point-in-time recovery.", "Only PostgreSQL can.", "inv backups")
    return server


def _close(config: Config, live: Postgres, target: datetime) -> None:
    # The clock must be so far past it that the segment's name says so.
    time.sleep(max(0.0, (target + PAST - datetime.now(timezone.utc)).total_seconds()))
    # A commit after the moment: by it, the recovery sees that the moment has passed.
    *_, name = live.psql("SELECT pg_current_xact_id(); SELECT pg_walfile_name(pg_switch_wal())")
    timeline, number = segments.number(name)
    end = time.monotonic() + SWITCH_SECONDS
    while True:
        collect.take(config)
        if any((one.timeline, one.number) == (timeline, number) for one in archive.kept_segments(archive.wal(config))):
            return
        if time.monotonic() > end:
            raise Failed(
                "PostgreSQL does not archive its newest WAL.",
                f"{name} was closed, and is not here after {SWITCH_SECONDS} s.",
                f"inv status --host={config.host}; inv logs postgres --host={config.host}",
            )
        time.sleep(docker.PAUSE)
