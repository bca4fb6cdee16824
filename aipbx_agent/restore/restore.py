"""A set, or a file, becomes the live data: loaded beside them, compared, tried out, and only then put in place."""

from __future__ import annotations

import argparse
import re
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from aipbx_agent import cleanup
from aipbx_agent.backup import compare, loading, take, unpack
from aipbx_agent.contract import UPLOAD
from aipbx_agent.core import disk, docker, events, signals, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import run
from aipbx_agent.databases import engine, names
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.engine import Engine
from aipbx_agent.databases.mysql import rename
from aipbx_agent.databases.mysql.engine import MySQL
from aipbx_agent.databases.postgres import set_roles
from aipbx_agent.release.containers import colours
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.restore import clear_data, find, incoming, retained, swap, swap_plan, trial_backend
from aipbx_agent.restore.source import Source, mismatch, series

DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
# What a load writes to the server's log beside the tables, at most, before the server removes it again.
LOG_BYTES = 1 << 30
STATIC = "backend_static"
SYNC_SECONDS = 600


def arguments(parser: argparse.ArgumentParser) -> None:
    """What, and where to."""
    parser.add_argument("source", help="the name of a set, or of a file in backups/incoming")
    parser.add_argument("--foreign", action="store_true", help="also what was taken on another host")
    parser.add_argument("--tables", default="", help="only the rows of these, with commas, for inspection")
    parser.add_argument("--to-database", default="", help="into this new database, for inspection")


def main(config: Config, options: argparse.Namespace) -> None:
    """Restore, and tell what came of it."""
    begun = time.monotonic()
    cleanup.clear(config)
    try:
        result = _restored(config, engine.live(config), options)
    finally:
        path = incoming.folder(config) / options.source
        # Brought here for this run (fleet/restore/tasks.py); what someone else put there stays.
        if path.name.startswith(UPLOAD) and path.is_file():
            path.unlink()
    events.result(source=options.source, seconds=round(time.monotonic() - begun, 1), **result)


def _restored(config: Config, server: Engine, options: argparse.Namespace) -> dict[str, object]:
    tables = tuple(name for name in options.tables.split(",") if name)
    look = bool(tables or options.to_database)
    if isinstance(server, MySQL):
        rename.refuse(server, tables)
    with ExitStack() as held:
        if not look:
            refuse_pending(config)
            # Refused where no release ever ran.
            docker.container(config.project, colours.active(config, "backend"), running=False)
            held.enter_context(deploy_lock.held(config, f"restore of {incoming.title(options.source)}"))
        source = held.enter_context(find.opened(config, server, options.source))
        refuse(config, server, source, foreign=options.foreign)
        if look:
            name = options.to_database or names.database(config.database, names.LOOK, source.label)
            refuse_name(server, name)
        try:
            return _look(config, server, source, name, tables) if look else _replace(config, server, source)
        except BaseException:
            with signals.undisturbed():
                cleanup.clear(config)
            raise


def refuse_pending(config: Config) -> None:
    """Refuse while an earlier restore still keeps what was live before it.

    Raises:
        Refused: it does.
    """
    replaced = retained.read(config).replaced
    if replaced:
        raise Refused(
            f"{config.host} still retains the data from before the {replaced.what}.",
            f"It is {replaced.database}, since {replaced.at}, and only one is retained.",
            f"inv restore --undo --host={config.host} undoes that; --discard in its place deletes what is retained.",
        )


def refuse_name(server: Engine, name: str) -> None:
    """Refuse a database's name that cannot be, or is taken.

    Raises:
        Refused: it is.
    """
    if not DATABASE.fullmatch(name):
        raise Refused(
            f"Invalid database name {name!r}.", "Allowed: letters, digits and _, at most 63.", "Choose another name."
        )
    if name in {*server.databases(), "template0", "template1"}:
        raise Refused(
            f"There is a database {name} already.", "It would have to be a new one.", "Add --to-database, or --discard."
        )


def refuse(config: Config, server: Engine, source: Source, *, foreign: bool) -> None:
    """Refuse what cannot or should not be restored here.

    Args:
        server: the live one.
        source: what is to be restored.
        foreign: whether it may come from another host.

    Raises:
        Refused: says why.
    """
    clear_data.refuse(config, source.title, source.host, scrubbed=source.scrubbed)
    if source.engine != server.name:
        raise mismatch(source.title, source.engine, server)
    version = server.version()
    if source.series > series(server.name, version):
        raise Refused(
            f"{source.title} is from a newer server than this host's.",
            f"It was taken from version {source.server_version}, and this host runs {version}.",
            "Restore it on a host with a server of that version.",
        )
    if source.host not in {"", config.host} and not foreign:
        raise Refused(
            f"{source.title} was taken on {source.host}, and this is {config.host}.",
            "Its users, calls and keys would become this host's.",
            f"If that is what you want, name the host: inv restore … --host={config.host}",
        )
    if not source.listed or (source.contents and not sum(source.contents.tables.values())):
        raise Refused(
            f"{source.title} is empty.", f"It has {source.listed} tables, and not one row.", "Use another set."
        )
    # Docker keeps all volumes on one disk, also one that is not the stack's.
    names_of = config.raw["volumes"]
    data = docker.volume(names_of.get(f"{server.name}_data") or next(iter(names_of.values())))
    needs = {data: 2.0 * source.database_bytes + min(source.database_bytes, LOG_BYTES)}
    for key, name in _volumes(config, source).items():
        needs[unpack.folder(name)] = source.volumes[key]["bytes"]
    disk.require(needs, int(config.raw["min_free_disk_mib"]))


def _replace(config: Config, server: Engine, source: Source) -> dict[str, object]:
    before = names.database(config.database, names.BEFORE, source.label)
    if before in server.databases():
        raise Refused(
            f"There is a database {before} already.",
            "An earlier restore of the same set left it, and it is no longer recorded here.",
            f"Check it: inv db --database={before}; then rename or drop it.",
        )
    with _watched(config):
        new, contents = _loaded(config, server, source)
        folders = _unpacked(config, source)
        with events.step("statistics of the new database"):
            server.finish(new, config.database)
        # The stack declares no backend that works with MySQL; after the swap, the live one says whether it is ready.
        if not isinstance(server, MySQL):
            trial_backend.check(config, server, new, source.label)
    _remark(config, source, contents)
    change = swap_plan.planned(config, f"restore of {source.title}", source.label, names.BEFORE, new, folders)
    held = swap.carry_out(config, server, change)
    set_roles.done(config)
    return {**_summary(source, contents), "database": config.database, "kept": before, "held_seconds": round(held, 1)}


def _look(config: Config, server: Engine, source: Source, name: str, tables: tuple[str, ...]) -> dict[str, object]:
    with _watched(config):
        new, contents = _loaded(config, server, source, tables)
    now = retained.read(config)
    # Written down first: what is there without a note would stay for good.
    retained.write(config, retained.Kept(now.replaced, {**now.looks, name: {"of": source.title, "at": times.now()}}))
    server.rename([(new, name)])
    server.open(name)
    set_roles.done(config)
    return {**_summary(source, contents, tables), "database": name, "engine": server.name}


def _watched(config: Config) -> AbstractContextManager[None]:
    disks = [docker.volume(name) for name in config.raw["volumes"].values()]
    return disk.watched(disks, int(config.raw["min_free_disk_mib"]) // 2)


def _loaded(config: Config, server: Engine, source: Source, tables: tuple[str, ...] = ()) -> tuple[str, Contents]:
    """Load into a new database, and compare it with what it must hold.

    Returns: its name, and what it holds.

    Raises:
        Failed: it cannot be loaded, or is not the same.
    """
    new = names.database(config.database, names.RESTORED, source.label)
    with events.step(f"loaded into {new}, a new database"):
        needed = source.contents.roles if source.contents else None
        load = loading.Load(source.dump, source.role, needed, config.role, tables, config.database)
        notes = loading.load(server, load, new, lambda names: set_roles.begin(config, names))
    for note in notes:
        events.note(note)
    with events.step("every table counted, and compared"):
        contents = server.contents(new)
        different = _differences(source, contents, tables)
    if different:
        raise Failed(
            f"{source.title} was not restored unchanged; nothing live was touched.",
            compare.shown(different),
            "Use another set, and find out why: inv verify checks each.",
        )
    return new, contents


def _differences(source: Source, contents: Contents, tables: tuple[str, ...]) -> list[str]:
    if source.contents is None:
        if len(contents.tables) != source.listed:
            return [f"{len(contents.tables)} tables instead of the {source.listed} that the dump lists"]
        return [] if sum(contents.tables.values()) else ["not one row in any table"]
    if tables:
        wanted = [name if "." in name else f"public.{name}" for name in tables]
        chosen = Contents({name: rows for name, rows in source.contents.tables.items() if name in wanted})
        return compare.differences(chosen, Contents({name: contents.tables[name] for name in chosen.tables}))
    return compare.differences(source.contents, contents)


def _volumes(config: Config, source: Source) -> dict[str, str]:
    """Return the volumes of this host that come back: Docker's name by key."""
    return {key: name for key, name in config.raw["volumes"].items() if key in source.volumes}


def _unpacked(config: Config, source: Source) -> list[tuple[Path, Path]]:
    """Unpack the volumes beside the live ones.

    Returns: of each: the live folder, and the new one.
    """
    folders = []
    for key, name in _volumes(config, source).items():
        live = unpack.folder(name)
        new = live.with_name(names.folder(names.RESTORED, source.label))
        with events.step(f"{key} unpacked and counted"):
            counts = unpack.unpack(source.folder / f"volume-{key}.tar.zst", new, live)
            if not unpack.same(source.volumes[key], counts):
                raise Failed(
                    f"Volume {key} was not restored unchanged; nothing live was touched.",
                    f"{counts['files']} files of {counts['bytes']} bytes instead of "
                    f"{source.volumes[key]['files']} of {source.volumes[key]['bytes']}.",
                    "Use another set.",
                )
            if key == STATIC:
                _refresh(config, new)
            run(["sync", "--file-system", str(new)], seconds=SYNC_SECONDS)
        folders.append((live, new))
    for key in source.volumes.keys() - config.raw["volumes"].keys():
        events.note(f"Volume {key} of the set is left out: this host has none of that name.")
    return folders


def _refresh(config: Config, static: Path) -> None:
    """Bring the present release's own files over those of the release that the set was taken under."""
    argv = ["docker", "run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "sh"]
    script = "[ ! -d /app/static.shipped ] || cp -R /app/static.shipped/. /app/static/"
    image = trial_backend.declared(config)["image"]
    run([*argv, "--volume", f"{static}:/app/static", image, "-c", script], seconds=SYNC_SECONDS)


def _remark(config: Config, source: Source, contents: Contents) -> None:
    was = source.contents
    for line in (
        [*compare.remarks(was, contents), *compare.properties(was, contents), *compare.stays(was)] if was else []
    ):
        events.note(line)
    then, now = source.release.get("backend", ""), take.release(config).get("backend", "")
    if then and then != now:
        events.note(
            f"It was taken under backend {then[:8]}; {now[:8]} runs: later migrations must be applied again: "
            f"inv migrate --host={config.host}"
        )


def _summary(source: Source, contents: Contents, tables: tuple[str, ...] = ()) -> dict[str, object]:
    rows = {name: count for name, count in contents.tables.items() if count} if tables else contents.tables
    return {"of": source.title, "taken": source.taken, "tables": len(rows), "rows": sum(rows.values())}
