"""MySQL's databases change places, which MySQL cannot do: their tables move, in one statement; the rest is made again.

RENAME TABLE takes any number of tables to other databases, and all of them or none, also over a crash: that is the one
moment of a swap. Triggers hold a table where it is, and views, routines and events do not move at all: what makes them
is in a file (backups/places.json) before any of them is dropped. From that file, and from where the tables are,
anyone who comes after a kill brings it to completion, forward or back.

An event works by itself, so only the live database's are on; elsewhere one that was on is `DISABLE ON SLAVE`, which on
a host that is no one's replica nothing else makes it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aipbx_agent.core import docker, files
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import run
from aipbx_agent.databases.mysql import grants, schema
from aipbx_agent.databases.mysql.client import Client
from aipbx_agent.databases.mysql.schema import PROGRAM_SECONDS, TABLE, Places
from aipbx_agent.databases.quoting import named, quoted

FILE = "places.json"
# RENAME TABLE of many is one step also over a crash since these: MariaDB's DDL log, MySQL's transactional dictionary.
SINCE = {"MariaDB": (10, 6), "MySQL": (8, 0)}
# Seconds within which anyone who works with a database must let go of it, and of which one attempt takes so many.
LEAVING_SECONDS = 60
ATTEMPT_SECONDS = 5
CHECKPOINT_SECONDS = 1800
OTHERS = "SELECT id FROM information_schema.processlist WHERE db IN ({databases}) AND id <> CONNECTION_ID();"
# By this our own clients are known among a server's; and one that is cut off does not come back.
MARK = "--skip-reconnect"


@dataclass(frozen=True)
class Body:
    """What one database holds, on its way to another.

    Args:
        old, new: the databases' names.
        tables: whether it has any.
        programs: the SQL that makes all else.
    """

    old: str
    new: str
    tables: bool
    programs: str


def refuse(server: Client, tables: Iterable[str]) -> None:
    """Refuse what this server cannot do, or no one taught us.

    Args:
        server: the live one.
        tables: that an operator wants alone.

    Raises:
        Refused: says why.
    """
    if tables:
        raise Refused(
            "Single tables cannot be restored from a MySQL dump.",
            "Its rows cannot be separated from the rest.",
            "--to-database=NAME brings all of it into a new database, for inspection.",
        )
    version = server.ask("SELECT VERSION();")[0][0]
    kind = "MariaDB" if "MariaDB" in version else "MySQL"
    number = tuple(int(part) for part in version.split("-")[0].split(".")[:2])
    if number < SINCE[kind]:
        raise Refused(
            f"{kind} {version} cannot exchange two databases in one step.",
            f"RENAME TABLE of many tables is atomic after a crash since {kind} {'.'.join(map(str, SINCE[kind]))}.",
            "Update the server; or by hand: zstd -dc …/database.sql.zst | docker exec -i aipbx-mysql-1 mariadb NEW",
        )


def rename(server: Client, pairs: list[tuple[str, str]]) -> None:
    """Give databases other names, in this order, all of them or none; their sessions end.

    Raises:
        Failed: someone does not let go of them, or there is something that MySQL cannot make again.
    """
    bodies = _under_way(server)
    if [(body.old, body.new) for body in bodies] == pairs:
        _settle(server, bodies, forward=True)
        return
    existing = schema.places(server, [name for pair in pairs for name in pair])
    if pairs[0][1] in existing and pairs[-1][0] not in existing:
        return
    checkpoint(server)
    places = schema.places(server, [old for old, _ in pairs])
    unusable = schema.unusable(server, list(places))
    bodies = []
    for old, new in pairs:
        things = places.get(old, [])
        programs = schema.programs(server, old, things, unusable) if old in places else []
        # Accounts keep the right to a routine of that name, whatever comes to stand there.
        for owner in (old, new):
            programs += grants.of_routines(server, owner, things)
        bodies.append(Body(old, new, any(kind == TABLE for kind, _ in things), "\n".join(programs)))
    files.write_json(_file(server), {"bodies": [asdict(body) for body in bodies]})
    _settle(server, bodies, forward=True)


def checkpoint(server: Client) -> None:
    """Have all that was loaded in the tables' own files, where the server can be made to.

    A crash while a table moves whose making is still in the log alone has kept MariaDB from starting (MDEV-40728).
    """
    if server.ask("SHOW GLOBAL VARIABLES LIKE 'innodb_log_checkpoint_now';"):
        server.ask("SET GLOBAL innodb_log_checkpoint_now = ON;", seconds=CHECKPOINT_SECONDS)


def take_back(server: Client, pairs: list[tuple[str, str]]) -> None:
    """Let the databases have the names that they had before `rename(pairs)`, however far that came."""
    back = [(new, old) for old, new in reversed(pairs)]
    bodies = _under_way(server)
    way = [(body.old, body.new) for body in bodies]
    if way == pairs:
        _settle(server, bodies, forward=False)
    elif way == back:
        _settle(server, bodies, forward=True)
    else:
        rename(server, back)


def _under_way(server: Client) -> list[Body]:
    raw: dict[str, Any] = files.read_json(_file(server))
    return [Body(**body) for body in raw.get("bodies", [])]


def forget(server: Client) -> None:
    """Delete the file of a run that was killed, once nothing needs it."""
    _file(server).unlink(missing_ok=True)


def _settle(server: Client, bodies: list[Body], *, forward: bool) -> None:
    """Bring every body to its place, wherever the tables are now; each step may have been done before."""
    ways = [(body.old, body.new) for body in bodies]
    ways = ways if forward else [(new, old) for old, new in reversed(ways)]
    every = list(dict.fromkeys(name for way in ways for name in way))
    live = {body.old for body in bodies} & {body.new for body in bodies}
    set_aside = [name for name in every if name not in live]
    _alone(server, every)
    places = schema.places(server, every)
    # The databases first: by the first of the new names it is seen that anything had begun.
    created = [server.creation(name, bodies[0].old) for name in every if name not in places]
    lent = grants.lent(server, set_aside, bodies[0].old)
    dropped = [
        f"DROP {kind.upper()} IF EXISTS {named(name)}.{named(thing)};"
        for name, things in places.items()
        for kind, thing in things
        if kind != TABLE
    ]
    _script(server, [*created, *lent, *dropped], next(iter(places)))
    if not _arrived(server, bodies, places, forward=forward):
        _move(server, ways, places)
    switches = []
    for body in bodies:
        place = body.new if forward else body.old
        if body.programs:
            switches += [f"USE {named(place)};", schema.events_set(body.programs, on=place in live)]
    _script(server, switches, ways[0][1])
    targets = {target for _, target in ways}
    leftover = [name for name in every if name not in targets]
    if full := [name for name, things in schema.places(server, leftover).items() if things]:
        raise Failed(f"{full[0]} should be empty, and is not.", "Another session uses it.", f"Check {full[0]}.")
    ended = [f"DROP DATABASE IF EXISTS {named(name)};" for name in leftover]
    _script(server, [*ended, *grants.taken(server, set_aside)], ways[0][1])
    forget(server)
    files.sync(_file(server).parent)


def _arrived(server: Client, bodies: list[Body], places: Places, *, forward: bool) -> bool:
    with_tables = {name for name, things in places.items() if any(kind == TABLE for kind, _ in things)}
    old, new = ({getattr(body, side) for body in bodies if body.tables} for side in ("old", "new"))
    if with_tables not in (old, new):
        raise Failed(
            "It is unknown how far the tables moved.",
            f"They are in {', '.join(sorted(with_tables)) or 'none'}; they were in {', '.join(sorted(old)) or 'none'}.",
            f"Something else moved tables: check these databases, and {_file(server)}.",
        )
    return with_tables == (new if forward else old)


def _move(server: Client, ways: list[tuple[str, str]], places: Places) -> None:
    """The moment: all tables change places, or none does."""
    moves = [
        f"{named(place)}.{named(name)} TO {named(target)}.{named(name)}"
        for place, target in ways
        for kind, name in places.get(place, [])
        if kind == TABLE
    ]
    if not moves:
        return
    sql = [
        f"SET SESSION lock_wait_timeout = {ATTEMPT_SECONDS};",
        # As a text: of one that is cut off in its middle, no part is a statement.
        f"SET @places = {quoted('RENAME TABLE ' + ', '.join(moves))};",
        "PREPARE places FROM @places;",
        "EXECUTE places;",
    ]
    end = time.monotonic() + LEAVING_SECONDS
    while True:
        try:
            _script(server, sql, ways[0][0])
        except Failed as problem:
            # Someone was quicker to come back than the rename.
            if "Lock wait timeout" not in problem.why or time.monotonic() > end:
                raise
            _alone(server, [name for way in ways for name in way])
        else:
            return


def _alone(server: Client, databases: list[str]) -> None:
    """End anyone who is in these databases, and what a killed run of ours left there, and wait until they are gone."""
    end = time.monotonic() + LEAVING_SECONDS
    processes = run(["docker", "top", server.container, "-eo", "pid,args"], seconds=docker.SECONDS)
    for line in processes.decode(errors="replace").splitlines():
        if MARK in line:
            with suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)
    ask = OTHERS.format(databases=schema.listed(databases))
    sessions = {row[0] for row in server.ask(ask)}
    while sessions:
        kills = "".join(f"KILL {session};\n" for session in sorted(sessions))
        run(server.command("client", "--force"), seconds=docker.SECONDS, stdin=kills.encode(), fine=(0, 1))
        sessions &= {row[0] for row in server.ask(ask)}
        if time.monotonic() > end:
            raise Failed(
                "Sessions still use the database.",
                f"Sessions {', '.join(sorted(sessions))} have not ended.",
                "SHOW PROCESSLIST shows them.",
            )


def _script(server: Client, lines: list[str], database: str) -> None:
    if lines:
        argv = server.command("client", "--batch", "--comments", MARK, database)
        run(argv, seconds=PROGRAM_SECONDS, stdin="\n".join([*lines, ""]).encode())


def _file(server: Client) -> Path:
    return server.backups / FILE
