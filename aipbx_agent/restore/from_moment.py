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
    """Return whether a file holds what a point-in-time recovery takes."""
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
    target = targets.moment(text)
    targets.refuse_future(target)
    live = _postgres(server)
    base, wal = archive.base(config), archive.wal(config)
    if targets.is_open(config, target):
        with events.step("PostgreSQL closes its current WAL segment"):
            _close(config, live, target)
    needed = window.needed(archive.kept_bases(base), archive.kept_segments(wal), target)
    if not needed:
        raise targets.outside(config, target)
    with _recovered(config, live, Recovery(target, needed, base, wal), config.host) as source:
        yield source


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
    target = targets.moment(str(label.get("at")))
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    needed = window.needed(archive.kept_bases(folder), archive.kept_segments(folder), target)
    base = files.read_json(folder / f"{needed.base.name}{archive.LABEL}") if needed else {}
    if not needed or files.sha256(folder / f"{needed.base.name}{archive.TAR}") != base.get("sha256"):
        raise Refused("The files that were brought here do not reach that time.", "A part is missing.", "Run it again.")
    with _recovered(
        config, _postgres(server), Recovery(target, needed, folder, folder), str(base.get("host"))
    ) as source:
        yield source


@contextmanager
def _recovered(config: Config, live: Postgres, what: Recovery, host: str) -> Iterator[Source]:
    label = files.read_json(what.base / f"{what.needs.base.name}{archive.LABEL}")
    spare, size = int(config.raw["min_free_disk_mib"]), int(label.get("database_bytes") or 0)
    disk = docker.volume(config.raw["volumes"]["postgres_data"])
    space.require({disk: GROWS * size, incoming.folder(config): size / 2}, spare)
    partial = Path(tempfile.mkdtemp(prefix=sets.ASIDE, dir=incoming.folder(config)))
    try:
        with space.watched([disk, partial], spare // 2), recovery_server.server(config, live, what) as scratch:
            source = _dumped(config, scratch, partial, what.at, host)
        yield source
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _dumped(config: Config, scratch: Postgres, partial: Path, target: datetime, host: str) -> Source:
    database = config.database
    if database not in scratch.databases():
        raise Refused(
            f"Database {database} did not exist at that time.",
            f"There were: {', '.join(scratch.databases())}.",
            "Choose a later time, or a set.",
        )
    dump = partial / scratch.dump_file
    with events.step("dumped, and every table counted"), scratch.moment(database) as still:
        contents = scratch.contents(database, still)
        scratch.dump(database, dump, still)
    (owner,) = scratch.psql(f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = {literal(database)}")
    return Source(
        title=f"{target:%Y-%m-%d %H:%M:%S} UTC",
        label=sets.name_of(target),
        folder=partial,
        dump=dump,
        engine=scratch.name,
        server_version=scratch.version(),
        host=host,
        taken=f"{target:%Y-%m-%dT%H:%M:%SZ}",
        database_bytes=scratch.size(database),
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
        if any(
            (segment.timeline, segment.number) == (timeline, number)
            for segment in archive.kept_segments(archive.wal(config))
        ):
            return
        if time.monotonic() > end:
            raise Failed(
                "PostgreSQL does not archive its newest WAL.",
                f"{name} was closed, and is not here after {SWITCH_SECONDS} s.",
                f"inv status --host={config.host}; inv logs postgres --host={config.host}",
            )
        time.sleep(docker.PAUSE)
