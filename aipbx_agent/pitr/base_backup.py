"""`aipbx-agent base`: a base backup when one is due; those that have no copy off this host get one; old ones go.

The log alone restores nothing: it is replayed on a base backup. daemon.py starts this when it is due.
"""

from __future__ import annotations

import argparse
import json
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from aipbx_agent.backup import sets
from aipbx_agent.core import events, files, lock, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Interrupted, Refused
from aipbx_agent.core.process import pipe
from aipbx_agent.databases import engine
from aipbx_agent.databases.engine import Engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.quoting import literal
from aipbx_agent.pitr import archive, base_check, collect, window
from aipbx_agent.pitr.segments import Base, Segment
from aipbx_agent.stores import configured, encryption
from aipbx_agent.stores.base import Store, Taken, measured

LOCK = Path("/run/lock/aipbx-base")
STATE = "base-state.json"
# The end of backups and restores ends all sessions of theirs; this one is none of them.
APPLICATION = "aipbx-base"
SECONDS = 6 * 3600
# Kept once more than the database is large: the log that is written meanwhile.
GROWS = 1.2


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether one is made in any case."""
    parser.add_argument("--now", action="store_true", help="make one, due or not")


def main(config: Config, options: argparse.Namespace) -> None:
    """Do it, and write down how it ended."""
    with lock.held("base", LOCK):
        _write(config, ok=False, error="It was cut off.")
        try:
            server = postgres(config)
            server.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE application_name = {literal(APPLICATION)}"
            )
            name = ""
            if options.now or due(config, datetime.now(timezone.utc)):
                name = make(config, server).name
            copied = ship(config)
            deleted = archive.prune(config)
        except (AgentError, Interrupted, OSError) as problem:
            _write(config, ok=False, error=str(problem))
            raise
        _write(config, ok=True, error="")
    events.result(base=name, copied=copied, gone=deleted, **archive.summary(config))


def postgres(config: Config) -> Postgres:
    """Return the live server.

    Raises:
        Refused: it is none that can be restored to a point in time, or does not run.
    """
    live: Engine = engine.live(config)
    if not isinstance(live, Postgres):
        raise Refused(f"{live.name} does not support point-in-time recovery.", "Only PostgreSQL can.", "inv backups")
    return live


def due(config: Config, now: datetime) -> bool:
    """Return whether a base backup is to be made: there is none since the hour for it, or the log has a gap since."""
    bases, segments = archive.kept_bases(archive.base(config)), archive.kept_segments(archive.wal(config))
    return is_due(bases, list(segments), now, config.raw["base_time_utc"], int(config.raw["base_days"]))


def is_due(bases: list[Base], segments: list[Segment], now: datetime, time_of_day: str, days: int) -> bool:
    """The same, of what there is.

    Args:
        bases: those that there are, oldest first.
        segments: the segments.
        now: this moment.
        time_of_day: the hour for it, UTC, as `01:30`.
        days: from one to the next.
    """
    if not bases:
        return True
    last = bases[-1]
    hour, minute = map(int, time_of_day.split(":"))
    boundary = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    boundary -= timedelta(days=days if boundary > now else days - 1)
    newest = window.newest(segment for segment in segments if segment.moment >= last.moment)
    if newest and (newest.system, newest.timeline) != (last.first.system, last.first.timeline):
        return True
    follow = window.chain(last, segments)
    broken = bool(newest and (not follow or newest.number > follow[-1].number))
    return last.moment < boundary or broken


def make(config: Config, server: Postgres) -> Base:
    """Make a base backup: aside, read again to its last byte, renamed.

    Raises:
        Refused: there is no room.
        Failed: there is none; nothing of it is left.
    """
    folder = archive.base(config)
    for leftover in folder.glob(f"{sets.ASIDE}*"):
        leftover.unlink()
    _refuse_full(config, server)
    partial = folder / f"{sets.ASIDE}base"
    try:
        with events.step("base backup"):
            pipe([command(server), ["zstd", "-q", "-3", "-T0", "-o", str(partial)]], seconds=SECONDS)
        moment = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=1)
        with events.step("every file of it compared with the server's manifest"):
            needs = base_check.check(partial)
        system = int(server.psql("SELECT system_identifier FROM pg_control_system()")[0])
        collect.take(config)
        first = Segment(system & (1 << 64) - 1, needs.timeline, needs.first, moment)
        base = Base(first, needs.last, partial.stat().st_size)
        follow = window.chain(base, archive.kept_segments(archive.wal(config)))
        if not follow or follow[-1].number < base.last:
            raise Failed(
                "The base backup cannot be restored.",
                "A WAL segment that it needs was dropped meanwhile.",
                f"inv status --host={config.host} shows why; the next base backup follows within the hour.",
            )
        files.sync(partial)
        partial.rename(folder / f"{base.name}{archive.TAR}")
        files.write_json(folder / f"{base.name}{archive.LABEL}", description(config, server, base))
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return base


def command(server: Postgres) -> list[str]:
    """Return the command that prints a base backup as a tar with its manifest, once all its log is archived."""
    argv = ["docker", "exec", "--env", f"PGAPPNAME={APPLICATION}", server.container, "pg_basebackup"]
    argv += ["--username", server.user, "--no-password", "--pgdata=-", "--format=tar", "--wal-method=none"]
    return [*argv, "--checkpoint=fast", "--manifest-checksums=SHA256", "--label=aiPBX"]


def description(config: Config, server: Postgres, base: Base) -> dict[str, Any]:
    """Return what is written beside a base backup."""
    path = archive.base(config) / f"{base.name}{archive.TAR}"
    return {
        "host": config.host,
        "last": base.last,
        "bytes": base.bytes,
        "sha256": files.sha256(path),
        "server_version": server.version(),
        "database_bytes": server.size(config.database),
    }


def ship(config: Config) -> list[str]:
    """Give every base backup that has no copy one.

    Returns: the names of those that got one.

    Raises:
        Failed: one could not be copied.
    """
    kept = configured.of(config)
    if kept is None:
        return []
    keys, copied = encryption.recipients(config), []
    with kept:
        stored = {base.name for base in archive.store_bases(kept)}
        for base in archive.kept_bases(archive.base(config)):
            if base.name not in stored:
                with events.step(f"{base.name} to {kept.where}"):
                    _copy(config, kept, base, keys)
                copied.append(base.name)
        if not kept.prunes_itself:
            archive.prune_store(config, kept)
    return copied


def _copy(config: Config, kept: Store, base: Base, keys: list[str]) -> None:
    path = archive.base(config) / f"{base.name}{archive.TAR}"
    name = f"base/{base.name}{archive.TAR}{archive.SEALED}"
    try:
        content = kept.put(encryption.sealed(path, keys), name)
    except Taken:
        content = measured(kept.read(name))
    label = files.read_json(path.with_name(f"{base.name}{archive.LABEL}"))
    label |= {"sealed_bytes": content.bytes, "sealed_sha256": content.sha256}
    kept.put([(json.dumps(label, indent=1, sort_keys=True) + "\n").encode()], f"base/{base.name}{archive.LABEL}")


def _refuse_full(config: Config, server: Postgres) -> None:
    folder = archive.base(config)
    earlier = archive.kept_bases(folder)
    whole = server.whole_size()
    need = min(whole, GROWS * earlier[-1].bytes * 2 if earlier else whole)
    spare = int(config.raw["min_free_disk_mib"]) << 20
    free = shutil.disk_usage(folder).free
    if free < need + spare:
        raise Refused(
            f"There is no room for a base backup: it may take {need / archive.MIB:.0f} MiB.",
            f"{free >> 20} MiB are free, of which {spare >> 20} MiB stay so (min_free_disk_mib).",
            "Make room: du -xh -d2 / | sort -h | tail; fewer days: wal_keep_days.",
        )


def _write(config: Config, **values: Any) -> None:
    files.write_json(config.backups / STATE, {"at": times.now(), **values})
