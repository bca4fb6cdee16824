"""MySQL's databases change places, which MySQL cannot do: their tables move, in one statement; the rest is made anew.

RENAME TABLE takes any number of tables to other databases, and all of them or none, also over a crash: that is the one
moment of a swap. Triggers hold a table where it is, and views, routines and events do not move at all: what makes them
stands in a file (backups/places.json) before any of them is dropped. From that file, and from where the tables are,
whoever comes after a kill brings it to an end, forward or back.

An event works by itself, so only the live database's are on; elsewhere one that was on is `DISABLE ON SLAVE`, which on
a host that is nobody's replica nothing else makes it.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aipbx_agent.core import docker, events, files
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import run
from aipbx_agent.databases import mysql_grants
from aipbx_agent.databases.mysql_client import Client
from aipbx_agent.databases.quoting import named, quoted

FILE = "places.json"
# RENAME TABLE of many is one step also over a crash since these: MariaDB's DDL log, MySQL's transactional dictionary.
SINCE = {"MariaDB": (10, 6), "MySQL": (8, 0)}
# Seconds within which whoever works with a database must let go of it, and of which one attempt takes so many.
LEAVING_SECONDS = 60
ATTEMPT_SECONDS = 5
PROGRAM_SECONDS = 600
CHECKPOINT_SECONDS = 1800
# All that a database has but tables; mysqldump knows best what makes them as they were.
PROGRAMS = ("--single-transaction", "--no-data", "--no-create-info", "--routines", "--events", "--triggers")
VIEWS = ("--single-transaction", "--no-data", "--skip-triggers")
# A line each: a database, what there is in it, and its name.
THERE = """SELECT HEX(schema_name), 'database', '' FROM information_schema.schemata WHERE schema_name IN ({databases})
UNION ALL SELECT HEX(table_schema), IF(table_type LIKE '%VIEW', 'view', 'table'), HEX(table_name)
FROM information_schema.tables WHERE table_schema IN ({databases})
UNION ALL SELECT HEX(trigger_schema), 'trigger', HEX(trigger_name)
FROM information_schema.triggers WHERE trigger_schema IN ({databases})
UNION ALL SELECT HEX(routine_schema), LOWER(routine_type), HEX(routine_name)
FROM information_schema.routines WHERE routine_schema IN ({databases})
UNION ALL SELECT HEX(event_schema), 'event', HEX(event_name)
FROM information_schema.events WHERE event_schema IN ({databases});
"""
# In place of a comment the server says that a view cannot be used; it looks only when it is asked for a figure too.
UNUSABLE = """SELECT HEX(t.table_schema), HEX(t.table_name), HEX(v.view_definition), t.table_rows
FROM information_schema.tables t JOIN information_schema.views v USING (table_schema, table_name)
WHERE t.table_schema IN ({databases}) AND t.table_comment <> 'VIEW';
"""
OTHERS = "SELECT id FROM information_schema.processlist WHERE db IN ({databases}) AND id <> CONNECTION_ID();"
# As mysqldump writes one, up to its state; for sed as well as for Python.
_EVENT = (
    r"^(/\*!50106 CREATE\*/ .*EVENT `([^`]|``)+` ON SCHEDULE (AT|EVERY) [-A-Z0-9_:.' ]*ON COMPLETION (NOT )?PRESERVE) "
)
_ON = re.compile(f"{_EVENT}ENABLE ", re.MULTILINE)
_OFF = re.compile(f"{_EVENT}DISABLE ON (SLAVE|REPLICA) ", re.MULTILINE)
# By this our own clients are known among a server's; and one that is cut off does not come back.
MARK = "--skip-reconnect"
# A dump goes through it on its way into a database that is not live.
EVENTS_OFF = ("env", "LC_ALL=C", "sed", "--regexp-extended", f"s#{_EVENT}ENABLE #\\1 DISABLE ON SLAVE #")
TABLE, VIEW = "table", "view"
# By database: what each thing in it is, and its name.
Found = dict[str, list[tuple[str, str]]]


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
    """Refuse what this server cannot do, or nobody taught us.

    Args:
        server: the live one.
        tables: that an operator wants alone.

    Raises:
        Refused: says why.
    """
    if tables:
        raise Refused(
            "Single tables are not restored from a dump of MySQL's.",
            "Its rows come in one piece with everything else.",
            "--to-database=NAME brings all of it into a new database, to look into.",
        )
    version = server.ask("SELECT VERSION();")[0][0]
    kind = "MariaDB" if "MariaDB" in version else "MySQL"
    number = tuple(int(one) for one in version.split("-")[0].split(".")[:2])
    if number < SINCE[kind]:
        raise Refused(
            f"{kind} {version} cannot let two databases change places in one step.",
            f"RENAME TABLE of many tables is whole after a crash since {kind} {'.'.join(map(str, SINCE[kind]))}.",
            "Update the server; or by hand: zstd -dc …/database.sql.zst | docker exec -i aipbx-mysql-1 mariadb NEW",
        )


def rename(server: Client, pairs: list[tuple[str, str]]) -> None:
    """Give databases other names, in this order, all of them or none; their sessions end.

    Raises:
        Failed: somebody does not let go of them, or there is something that MySQL cannot make anew.
    """
    bodies = _under_way(server)
    if [(body.old, body.new) for body in bodies] == pairs:
        _settle(server, bodies, forward=True)
        return
    there = _there(server, [name for pair in pairs for name in pair])
    if pairs[0][1] in there and pairs[-1][0] not in there:
        return
    checkpoint(server)
    found = _there(server, [old for old, _ in pairs])
    unusable = _unusable(server, list(found))
    bodies = []
    for old, new in pairs:
        things = found.get(old, [])
        programs = _programs(server, old, things, unusable) if old in found else []
        # Accounts keep the right to a routine of that name, whatever comes to stand there.
        for owner in (old, new):
            programs += mysql_grants.of_routines(server, owner, things)
        bodies.append(Body(old, new, any(kind == TABLE for kind, _ in things), "\n".join(programs)))
    files.write_json(_file(server), {"bodies": [asdict(body) for body in bodies]})
    _settle(server, bodies, forward=True)


def checkpoint(server: Client) -> None:
    """Have all that was loaded in the tables' own files, where the server can be told to.

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
    ways = [(one.old, one.new) for one in bodies]
    ways = ways if forward else [(new, old) for old, new in reversed(ways)]
    every = list(dict.fromkeys(name for way in ways for name in way))
    live = {body.old for body in bodies} & {body.new for body in bodies}
    aside = [name for name in every if name not in live]
    _alone(server, every)
    found = _there(server, every)
    # The databases first: by the first of the new names it is seen that anything had begun.
    made = [server.creation(name, bodies[0].old) for name in every if name not in found]
    lent = mysql_grants.lent(server, aside, bodies[0].old)
    gone = [
        f"DROP {kind.upper()} IF EXISTS {named(name)}.{named(one)};"
        for name, things in found.items()
        for kind, one in things
        if kind != TABLE
    ]
    _script(server, [*made, *lent, *gone], next(iter(found)))
    if not _arrived(server, bodies, found, forward=forward):
        _move(server, ways, found)
    anew = []
    for body in bodies:
        place = body.new if forward else body.old
        if body.programs:
            anew += [f"USE {named(place)};", _events(body.programs, on=place in live)]
    _script(server, anew, ways[0][1])
    targets = {target for _, target in ways}
    left = [name for name in every if name not in targets]
    if full := [name for name, things in _there(server, left).items() if things]:
        raise Failed(f"{full[0]} should be empty, and is not.", "Somebody works in it.", f"Look into {full[0]}.")
    ended = [f"DROP DATABASE IF EXISTS {named(name)};" for name in left]
    _script(server, [*ended, *mysql_grants.taken(server, aside)], ways[0][1])
    forget(server)
    files.sync(_file(server).parent)


def _arrived(server: Client, bodies: list[Body], found: Found, *, forward: bool) -> bool:
    there = {name for name, things in found.items() if any(kind == TABLE for kind, _ in things)}
    old, new = ({getattr(one, side) for one in bodies if one.tables} for side in ("old", "new"))
    if there not in (old, new):
        raise Failed(
            "It is unknown how far the tables moved.",
            f"They are in {', '.join(sorted(there)) or 'none'}; they were in {', '.join(sorted(old)) or 'none'}.",
            f"Somebody else moved tables: look at these databases, and at {_file(server)}.",
        )
    return there == (new if forward else old)


def _move(server: Client, ways: list[tuple[str, str]], found: Found) -> None:
    """The moment: all tables change places, or none does."""
    moves = [
        f"{named(place)}.{named(name)} TO {named(target)}.{named(name)}"
        for place, target in ways
        for kind, name in found.get(place, [])
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
            # Somebody was quicker to come back than the rename.
            if "Lock wait timeout" not in problem.why or time.monotonic() > end:
                raise
            _alone(server, [name for way in ways for name in way])
        else:
            return


def _programs(
    server: Client, database: str, things: list[tuple[str, str]], unusable: set[tuple[str, str]]
) -> list[str]:
    """The SQL that makes all that a database has but tables."""
    views = [name for kind, name in things if kind == VIEW]
    good = [view for view in views if (database, view) not in unusable]
    made = [_dumped(server, *PROGRAMS, *(f"--ignore-table={database}.{view}" for view in views), "--", database)]
    if good:
        # Where a view's owner has no rights, its columns are named with the database, which they shall not keep.
        made.append(_dumped(server, *VIEWS, "--", database, *good).replace(f"{named(database)}.", ""))
    return made


def _unusable(server: Client, databases: list[str]) -> set[tuple[str, str]]:
    """Views that nobody can use, nor MySQL make anew: what they lead to is not there."""
    found = set()
    for row in server.ask(UNUSABLE.format(databases=_listed(databases))):
        database, view, text = (bytes.fromhex(one).decode(errors="replace") for one in row[:3])
        events.note(f"View {view} of {database} leads nowhere and cannot be made anew, so it is gone. It was: {text}")
        found.add((database, view))
    return found


def _events(programs: str, *, on: bool) -> str:
    return _OFF.sub(r"\1 ENABLE ", programs) if on else _ON.sub(r"\1 DISABLE ON SLAVE ", programs)


def _alone(server: Client, databases: list[str]) -> None:
    """End whoever is in these databases, and what a killed run of ours left there, and wait until they are gone."""
    end = time.monotonic() + LEAVING_SECONDS
    there = run(["docker", "top", server.container, "-eo", "pid,args"], seconds=docker.SECONDS)
    for line in there.decode(errors="replace").splitlines():
        if MARK in line:
            with suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)
    ask = OTHERS.format(databases=_listed(databases))
    sessions = {row[0] for row in server.ask(ask)}
    while sessions:
        kills = "".join(f"KILL {one};\n" for one in sorted(sessions))
        run(server.words("client", "--force"), seconds=docker.SECONDS, stdin=kills.encode(), fine=(0, 1))
        sessions &= {row[0] for row in server.ask(ask)}
        if time.monotonic() > end:
            raise Failed(
                "Somebody does not let go of the database.",
                f"Sessions {', '.join(sorted(sessions))} are still at it.",
                "SHOW PROCESSLIST tells who.",
            )


def _there(server: Client, databases: list[str]) -> Found:
    """What is in those databases that there are."""
    if not databases:
        return {}
    found: Found = {}
    for database, kind, name in sorted(server.ask(THERE.format(databases=_listed(databases)))):
        things = found.setdefault(bytes.fromhex(database).decode(), [])
        if kind != "database":
            things.append((kind, bytes.fromhex(name).decode()))
    return found


def _listed(databases: list[str]) -> str:
    return ", ".join(quoted(name) for name in databases)


def _script(server: Client, lines: list[str], database: str) -> None:
    if lines:
        words = server.words("client", "--batch", "--comments", MARK, database)
        run(words, seconds=PROGRAM_SECONDS, stdin="\n".join([*lines, ""]).encode())


def _dumped(server: Client, *words: str) -> str:
    made = run(server.words("dump", "--no-tablespaces", *words), seconds=PROGRAM_SECONDS)
    try:
        return made.decode()
    except UnicodeDecodeError as problem:
        raise Failed(
            "A view, trigger or procedure is not in UTF-8.", str(problem), "Make it anew in utf8mb4."
        ) from None


def _file(server: Client) -> Path:
    return server.backups / FILE
