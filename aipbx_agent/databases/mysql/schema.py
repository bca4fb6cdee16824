"""What databases of MySQL hold, and the SQL that makes all of it but tables."""

from __future__ import annotations

import re

from aipbx_agent.core import events
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import run
from aipbx_agent.databases.mysql.client import Client
from aipbx_agent.databases.quoting import named, quoted

PROGRAM_SECONDS = 600
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
# As mysqldump writes one, up to its state; for sed as well as for Python.
_EVENT = (
    r"^(/\*!50106 CREATE\*/ .*EVENT `([^`]|``)+` ON SCHEDULE (AT|EVERY) [-A-Z0-9_:.' ]*ON COMPLETION (NOT )?PRESERVE) "
)
_ON = re.compile(f"{_EVENT}ENABLE ", re.MULTILINE)
_OFF = re.compile(f"{_EVENT}DISABLE ON (SLAVE|REPLICA) ", re.MULTILINE)
# A dump goes through it on its way into a database that is not live.
EVENTS_OFF = ("env", "LC_ALL=C", "sed", "--regexp-extended", f"s#{_EVENT}ENABLE #\\1 DISABLE ON SLAVE #")
TABLE, VIEW = "table", "view"
# By database: what each thing in it is, and its name.
Places = dict[str, list[tuple[str, str]]]


def programs(server: Client, database: str, things: list[tuple[str, str]], unusable: set[tuple[str, str]]) -> list[str]:
    """Return the SQL that makes all that a database has but tables."""
    views = [name for kind, name in things if kind == VIEW]
    good = [view for view in views if (database, view) not in unusable]
    dumps = [_dumped(server, *PROGRAMS, *(f"--ignore-table={database}.{view}" for view in views), "--", database)]
    if good:
        # Where a view's owner has no rights, its columns are named with the database, which they shall not keep.
        dumps.append(_dumped(server, *VIEWS, "--", database, *good).replace(f"{named(database)}.", ""))
    return dumps


def unusable(server: Client, databases: list[str]) -> set[tuple[str, str]]:
    """Views that no one can use, nor MySQL make again: what they lead to is not there."""
    names = set()
    for row in server.ask(UNUSABLE.format(databases=listed(databases))):
        database, view, text = (bytes.fromhex(text).decode(errors="replace") for text in row[:3])
        events.note(
            f"View {view} of {database} is invalid and could not be recreated, so it was dropped. It was: {text}"
        )
        names.add((database, view))
    return names


def events_set(programs: str, *, on: bool) -> str:
    """The same SQL with those events on that were, or with none."""
    return _OFF.sub(r"\1 ENABLE ", programs) if on else _ON.sub(r"\1 DISABLE ON SLAVE ", programs)


def places(server: Client, databases: list[str]) -> Places:
    """Return what is in those databases that there are."""
    if not databases:
        return {}
    places: Places = {}
    for database, kind, name in sorted(server.ask(THERE.format(databases=listed(databases)))):
        things = places.setdefault(bytes.fromhex(database).decode(), [])
        if kind != "database":
            things.append((kind, bytes.fromhex(name).decode()))
    return places


def listed(databases: list[str]) -> str:
    """Return names of databases, for an IN (…)."""
    return ", ".join(quoted(name) for name in databases)


def _dumped(server: Client, *arguments: str) -> str:
    dump = run(server.command("dump", "--no-tablespaces", *arguments), seconds=PROGRAM_SECONDS)
    try:
        return dump.decode()
    except UnicodeDecodeError as problem:
        raise Failed("A view, trigger or procedure is not in UTF-8.", str(problem), "Recreate it in utf8mb4.") from None
