"""`aipbx-agent backup`: one set of the database and of what the application wrote; then old sets go.

Everything is written separately, checked, and renamed: a set is complete, or does not exist. The database's rows are
counted in the snapshot of the dump, so that a restored one can be compared row by row.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aipbx_agent import cleanup
from aipbx_agent.backup import compare, retention, sets, volumes
from aipbx_agent.backup.sets import Manifest
from aipbx_agent.contract import IMAGES
from aipbx_agent.core import events, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Interrupted, Refused
from aipbx_agent.core.files import sha256
from aipbx_agent.databases import engine
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.engine import Engine

MIB = 1 << 20
# Smaller dumps consist of definitions rather than of rows.
TELLING_BYTES = MIB
LOOK_SECONDS = 0.5


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Make a set, and let old ones go.

    Raises:
        Refused: there is no room, or no server; nothing was touched.
        Failed: there is no new set, or what it holds is suspicious; no old set is gone.
    """
    cleanup.clear(config)
    earlier = sets.readable(config.backups)
    live = engine.live(config)
    last = comparable(earlier, config.database, live.name)
    with events.step("database and disk"):
        database_bytes = live.size(config.database)
        refuse_full(config, database_bytes + volumes.size(config), last)
    manifest = make(config, live, database_bytes, last)
    for line in compare.stays(manifest.contents):
        events.note(line)
    refuse_shrunk(manifest, last)
    deleted = prune(config)
    events.result(
        set=manifest.name,
        place=str(sets.folder(config.backups) / manifest.name),
        bytes=manifest.bytes,
        seconds=manifest.seconds,
        tables=len(manifest.contents.tables),
        rows=sum(manifest.contents.tables.values()),
        volumes=manifest.volumes,
        gone=deleted,
    )


def comparable(earlier: list[tuple[str, Manifest]], database: str, kind: str) -> Manifest | None:
    """Return the newest set of the same database of the same kind of server."""
    same = [manifest for _, manifest in earlier if (manifest.database, manifest.engine) == (database, kind)]
    return same[-1] if same else None


def needed(whole: int, last: Manifest | None) -> int:
    """Return bytes that a set may take: all that it holds, or twice what the last one made of it.

    Args:
        whole: bytes of the database and the volumes.
        last: the last set, if there is one.
    """
    if last is None:
        return whole
    held = last.database_bytes + sum(volume["bytes"] for volume in last.volumes.values())
    return min(whole, 2 * whole * last.bytes // max(held, 1))


def refuse_full(config: Config, whole: int, last: Manifest | None) -> None:
    """Refuse to begin what would fill the disk, which the database lives on too.

    Raises:
        Refused: it would.
    """
    spare, need = int(config.raw["min_free_disk_mib"]) * MIB, needed(whole, last)
    free = shutil.disk_usage(config.backups).free
    if free < need + spare:
        raise Refused(
            f"There is no room for a backup: it may take {need // MIB} MiB.",
            f"{free // MIB} MiB are free, of which {spare // MIB} MiB stay so (min_free_disk_mib).",
            f"Check: du -xh -d2 / | sort -h | tail; fewer sets: backup_keep. They are in {config.backups}.",
        )


def make(config: Config, live: Engine, database_bytes: int, last: Manifest | None) -> Manifest:
    """Make a set.

    Args:
        live: the server.
        database_bytes: the database's size there.
        last: the last set, by which progress is estimated.

    Raises:
        Failed: there is none; nothing of it is left.
    """
    partial = sets.folder(config.backups) / f"{sets.ASIDE}backup"
    partial.mkdir(parents=True, mode=0o700)
    try:
        manifest = _filled(config, live, partial, database_bytes, last)
        sets.complete(partial, manifest)
    except BaseException as problem:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(problem, (Failed, Interrupted)):
            what = f"There is no new backup set, and no old set was deleted: {problem.what}"
            raise Failed(what, problem.why, problem.do) from None
        raise
    return manifest


def _filled(config: Config, live: Engine, partial: Path, database_bytes: int, last: Manifest | None) -> Manifest:
    """Fill a folder with a dump and the packed volumes of one moment, and read all of it again."""
    begun = time.monotonic()
    dump = partial / live.dump_file
    with volumes.held(config) as holding, live.moment(config.database) as moment:
        # Held before, so that what was deleted since is there; and now, so that what came since is there.
        taken = datetime.now(timezone.utc)
        for volume in holding:
            volume.hold()
        with events.step("dump, rows counted, files packed"):
            packs = [_packing(volume.pack, partial / f"volume-{volume.key}.tar.zst") for volume in holding]
            contents, _, *packed = together(
                live,
                lambda: live.contents(config.database, moment),
                lambda: live.dump(config.database, dump, moment),
                *packs,
                look=lambda: _progress(dump, last),
            )
    with events.step("every byte of it read again"):
        _, files = together(live, lambda: check(live, dump, contents), lambda: hashes(partial), look=_nothing)
    return Manifest(
        host=config.host,
        name=sets.name_of(taken),
        taken=times.text(taken),
        seconds=round(time.monotonic() - begun, 1),
        engine=live.name,
        server_version=live.version(),
        database=config.database,
        role=config.role,
        database_bytes=database_bytes,
        release=release(config),
        contents=contents,
        volumes={volume.key: counted for volume, counted in zip(holding, packed, strict=True)},
        files=files,
    )


def hashes(partial: Path) -> dict[str, dict[str, Any]]:
    """Return bytes and SHA-256 of each file of a folder, by name."""
    return {file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)} for file in sorted(partial.iterdir())}


def check(live: Engine, dump: Path, contents: Contents) -> None:
    """See that the server's own tool reads all of a dump, and finds every table in it.

    Raises:
        Failed: it does not.
    """
    try:
        listed = live.listed(dump)
    except Refused as problem:
        raise Failed("The new dump cannot be read.", problem.why, "Run it again; check the disk: dmesg.") from None
    if not listed or len(listed) != len(contents.tables):
        raise Failed(
            "The new dump does not hold what the database holds.",
            f"It has the rows of {len(listed)} tables, and the database has {len(contents.tables)}.",
            "Run it again; inv db.shell shows the tables: \\dt *.*",
        )


def refuse_shrunk(new: Manifest, last: Manifest | None) -> None:
    """Be loud when a dump is less than half of the last one, and the database's files are not.

    The set stays: it shows what there is, and the next one is compared with it.

    Raises:
        Failed: it is.
    """
    if last is None:
        return
    now, before = (manifest.files[_dump_of(manifest)]["bytes"] for manifest in (new, last))
    shrunk = min(1.0, new.database_bytes / max(last.database_bytes, 1))
    if before >= TELLING_BYTES and now < before * shrunk / 2:
        rows = [sum(manifest.contents.tables.values()) for manifest in (new, last)]
        raise Failed(
            f"The set {new.name} is complete, and suspiciously small: its dump has {now} bytes.",
            f"That of {last.name} had {before}; rows then: {rows[1]}, now: {rows[0]}. No old set was deleted.",
            "Were rows deleted on purpose? Then the next run compares with this set. Otherwise: inv restore.",
        )


def prune(config: Config) -> list[str]:
    """Delete the sets that need not stay.

    Returns: their names.
    """
    moments = {name: sets.moment_of(name) for name, _ in sets.readable(config.backups)}
    verified = [name for name in moments if sets.verified(config.backups, name)]
    expired = sorted(set(moments) - retention.kept(moments, config.raw["backup_keep"], verified))
    for name in expired:
        sets.remove(sets.folder(config.backups) / name)
    return expired


def release(config: Config) -> dict[str, str]:
    """Return the SHA of each service that runs, as images.env says; empty before the first deploy."""
    try:
        lines = (config.app / IMAGES).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    images = dict(line.partition("=")[::2] for line in lines if "_IMAGE=" in line)
    return {name.removesuffix("_IMAGE").lower(): image.rpartition(":")[2] for name, image in images.items()}


def together(live: Engine, *works: Callable[[], Any], look: Callable[[], None]) -> list[Any]:
    """Do several things at once; when one fails, the server ends the others.

    Args:
        live: the server that they ask.
        works: what to do.
        look: called now and then meanwhile.

    Returns: what came of each.

    Raises:
        AgentError: the first failure.
    """
    with ThreadPoolExecutor(len(works)) as pool, _ending(live):
        futures: list[Future[Any]] = [pool.submit(work) for work in works]
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, LOOK_SECONDS, FIRST_EXCEPTION)
            for volume in done:
                volume.result()
            look()
        return [future.result() for future in futures]


@contextmanager
def _ending(live: Engine) -> Iterator[None]:
    try:
        yield
    except BaseException:
        # A server that is gone has no sessions either.
        with suppress(AgentError):
            live.clear()
        raise


def _packing(pack: Callable[[Path], dict[str, int]], target: Path) -> Callable[[], dict[str, int]]:
    return lambda: pack(target)


def _nothing() -> None:
    return


def _progress(dump: Path, last: Manifest | None) -> None:
    if dump.exists():
        expected = last.files[_dump_of(last)]["bytes"] if last else 0
        events.progress(dump.stat().st_size, expected)


def _dump_of(manifest: Manifest) -> str:
    return next(name for name in manifest.files if name.startswith("database."))
