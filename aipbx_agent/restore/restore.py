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
from aipbx_agent.restore import find, incoming, retained, source, swap, swap_plan, trial_backend
from aipbx_agent.restore.source import Source

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
        given = held.enter_context(find.opened(config, server, options.source))
        refuse(config, server, given, foreign=options.foreign)
        if look:
            name = options.to_database or names.database(config.database, names.LOOK, given.label)
            refuse_name(server, name)
        try:
            return _look(config, server, given, name, tables) if look else _replace(config, server, given)
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


def refuse(config: Config, server: Engine, given: Source, *, foreign: bool) -> None:
    """Refuse what cannot or should not be restored here.

    Args:
        server: the live one.
        given: what is to be restored.
        foreign: whether it may come from another host.

    Raises:
        Refused: says why.
    """
    if given.engine != server.name:
        raise source.mismatch(given.title, given.engine, server)
    version = server.version()
    if given.series > source.series(server.name, version):
        raise Refused(
            f"{given.title} is from a newer server than this host's.",
            f"It was taken from version {given.server_version}, and this host runs {version}.",
            "Restore it on a host with a server of that version.",
        )
    if given.host not in {"", config.host} and not foreign:
        raise Refused(
            f"{given.title} was taken on {given.host}, and this is {config.host}.",
            "Its users, calls and keys would become this host's.",
            f"If that is what you want, name the host: inv restore … --host={config.host}",
        )
    if not given.listed or (given.contents and not sum(given.contents.tables.values())):
        raise Refused(f"{given.title} is empty.", f"It has {given.listed} tables, and not one row.", "Use another set.")
    # Docker keeps all volumes on one disk, also one that is not the stack's.
    names_of = config.raw["volumes"]
    data = docker.volume(names_of.get(f"{server.name}_data") or next(iter(names_of.values())))
    needs = {data: 2.0 * given.database_bytes + min(given.database_bytes, LOG_BYTES)}
    for key, name in _volumes(config, given).items():
        needs[unpack.folder(name)] = given.volumes[key]["bytes"]
    disk.require(needs, int(config.raw["min_free_disk_mib"]))


def _replace(config: Config, server: Engine, given: Source) -> dict[str, object]:
    before = names.database(config.database, names.BEFORE, given.label)
    if before in server.databases():
        raise Refused(
            f"There is a database {before} already.",
            "An earlier restore of the same set left it, and it is no longer recorded here.",
            f"Check it: inv db --database={before}; then rename or drop it.",
        )
    with _watched(config):
        new, found = _loaded(config, server, given)
        folders = _unpacked(config, given)
        with events.step("statistics of the new database"):
            server.finish(new, config.database)
        # The stack declares no backend that works with MySQL; after the swap, the live one says whether it is ready.
        if not isinstance(server, MySQL):
            trial_backend.check(config, server, new, given.label)
    _remark(config, given, found)
    change = swap_plan.planned(config, f"restore of {given.title}", given.label, names.BEFORE, new, folders)
    held = swap.carry_out(config, server, change)
    set_roles.done(config)
    return {**_summary(given, found), "database": config.database, "kept": before, "held_seconds": round(held, 1)}


def _look(config: Config, server: Engine, given: Source, name: str, tables: tuple[str, ...]) -> dict[str, object]:
    with _watched(config):
        new, found = _loaded(config, server, given, tables)
    now = retained.read(config)
    # Written down first: what is there without a note would stay for good.
    retained.write(config, retained.Kept(now.replaced, {**now.looks, name: {"of": given.title, "at": times.now()}}))
    server.rename([(new, name)])
    server.open(name)
    set_roles.done(config)
    return {**_summary(given, found, tables), "database": name, "engine": server.name}


def _watched(config: Config) -> AbstractContextManager[None]:
    disks = [docker.volume(name) for name in config.raw["volumes"].values()]
    return disk.watched(disks, int(config.raw["min_free_disk_mib"]) // 2)


def _loaded(config: Config, server: Engine, given: Source, tables: tuple[str, ...] = ()) -> tuple[str, Contents]:
    """Load into a new database, and compare it with what it must hold.

    Returns: its name, and what it holds.

    Raises:
        Failed: it cannot be loaded, or is not the same.
    """
    new = names.database(config.database, names.RESTORED, given.label)
    with events.step(f"loaded into {new}, a new database"):
        needed = given.contents.roles if given.contents else None
        load = loading.Load(given.dump, given.role, needed, config.role, tables, config.database)
        notes = loading.load(server, load, new, lambda names: set_roles.begin(config, names))
    for note in notes:
        events.note(note)
    with events.step("every table counted, and compared"):
        found = server.contents(new)
        different = _differences(given, found, tables)
    if different:
        raise Failed(
            f"{given.title} was not restored unchanged; nothing live was touched.",
            compare.shown(different),
            "Use another set, and find out why: inv verify checks each.",
        )
    return new, found


def _differences(given: Source, found: Contents, tables: tuple[str, ...]) -> list[str]:
    if given.contents is None:
        if len(found.tables) != given.listed:
            return [f"{len(found.tables)} tables instead of the {given.listed} that the dump lists"]
        return [] if sum(found.tables.values()) else ["not one row in any table"]
    if tables:
        wanted = [name if "." in name else f"public.{name}" for name in tables]
        chosen = Contents({name: rows for name, rows in given.contents.tables.items() if name in wanted})
        return compare.differences(chosen, Contents({name: found.tables[name] for name in chosen.tables}))
    return compare.differences(given.contents, found)


def _volumes(config: Config, given: Source) -> dict[str, str]:
    """The volumes of this host that come back: Docker's name by key."""
    return {key: name for key, name in config.raw["volumes"].items() if key in given.volumes}


def _unpacked(config: Config, given: Source) -> list[tuple[Path, Path]]:
    """Unpack the volumes beside the live ones.

    Returns: of each: the live folder, and the new one.
    """
    made = []
    for key, name in _volumes(config, given).items():
        live = unpack.folder(name)
        new = live.with_name(names.folder(names.RESTORED, given.label))
        with events.step(f"{key} unpacked and counted"):
            found = unpack.unpack(given.folder / f"volume-{key}.tar.zst", new, live)
            if not unpack.same(given.volumes[key], found):
                raise Failed(
                    f"Volume {key} was not restored unchanged; nothing live was touched.",
                    f"{found['files']} files of {found['bytes']} bytes instead of "
                    f"{given.volumes[key]['files']} of {given.volumes[key]['bytes']}.",
                    "Use another set.",
                )
            if key == STATIC:
                _refresh(config, new)
            run(["sync", "--file-system", str(new)], seconds=SYNC_SECONDS)
        made.append((live, new))
    for key in given.volumes.keys() - config.raw["volumes"].keys():
        events.note(f"Volume {key} of the set is left out: this host has none of that name.")
    return made


def _refresh(config: Config, static: Path) -> None:
    """Bring the present release's own files over those of the release that the set was taken under."""
    argv = ["docker", "run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "sh"]
    script = "[ ! -d /app/static.shipped ] || cp -R /app/static.shipped/. /app/static/"
    image = trial_backend.declared(config)["image"]
    run([*argv, "--volume", f"{static}:/app/static", image, "-c", script], seconds=SYNC_SECONDS)


def _remark(config: Config, given: Source, found: Contents) -> None:
    was = given.contents
    for line in [*compare.remarks(was, found), *compare.properties(was, found), *compare.stays(was)] if was else []:
        events.note(line)
    then, now = given.release.get("backend", ""), take.release(config).get("backend", "")
    if then and then != now:
        events.note(
            f"It was taken under backend {then[:8]}; {now[:8]} runs: later migrations must be applied again: "
            f"inv migrate --host={config.host}"
        )


def _summary(given: Source, found: Contents, tables: tuple[str, ...] = ()) -> dict[str, object]:
    rows = {name: count for name, count in found.tables.items() if count} if tables else found.tables
    return {"of": given.title, "taken": given.taken, "tables": len(rows), "rows": sum(rows.values())}
