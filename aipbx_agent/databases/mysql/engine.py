"""MySQL or MariaDB inside its container: the login is that of the container's own variables.

A dump and its count must see one moment, and mysqldump begins a transaction of its own: so writes wait, for the second
in which both begin. MySQL renames no database: rename.py describes how restored data replace others.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import last_words, pipe
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.mysql import dump_file, grants, rename, schema, sessions
from aipbx_agent.databases.mysql.client import QUICK, READING, Client
from aipbx_agent.databases.quoting import named, quoted

LONG = 6 * 3600
# Seconds for which the lock is waited for: a long statement holds it up, and behind it everyone else.
BEGIN_SECONDS = 60
DUMP = ("--single-transaction", "--quick", "--hex-blob", "--routines", "--events", "--triggers", "--no-tablespaces")
SNAPSHOT = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET SESSION sql_mode = '';\n"
# Names come in hexadecimal: whatever is in them, a line stays a line.
TABLES = """SELECT HEX(table_name) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name;
"""
VIEWS = "SELECT COUNT(*) FROM information_schema.views WHERE table_schema = DATABASE();"
PROGRAMS = """SELECT 'trigger', HEX(trigger_name) FROM information_schema.triggers WHERE trigger_schema = DATABASE()
UNION ALL SELECT LOWER(routine_type), HEX(routine_name) FROM information_schema.routines
WHERE routine_schema = DATABASE()
UNION ALL SELECT 'event', HEX(event_name) FROM information_schema.events WHERE event_schema = DATABASE();
"""
_OF_SERVER = "('mysql', 'sys', 'information_schema', 'performance_schema')"


class Held(NamedTuple):
    """A moment: a session that sees it, a dump of it, and what was read of that dump."""

    session: subprocess.Popen[bytes]
    dump: subprocess.Popen[bytes]
    begun: bytes


class MySQL(Client):
    """A server in a container: the engine that backup, restore and verification ask."""

    name = "mysql"
    dump_file = "database.sql.zst"

    def __init__(self, container: str, backups: Path = Path()) -> None:
        super().__init__(container, backups)
        self._held: Held | None = None

    def version(self) -> str:
        """Return the server's version, as `11.8.3`."""
        return self.ask("SELECT VERSION();")[0][0].split("-")[0]

    def size(self, database: str) -> int:
        """Return bytes of a database's tables and indexes."""
        sql = "SELECT IFNULL(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = "
        return int(self.ask(f"{sql}{quoted(database)};")[0][0])

    def databases(self) -> list[str]:
        """Return the names of all databases but the server's own."""
        sql = f"SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN {_OF_SERVER};"
        return [row[0] for row in self.ask(sql)]

    @contextmanager
    def moment(self, database: str) -> Iterator[str]:
        """Hold a moment still: in a session that will count, and in a dump that waits until someone reads it.

        No one writes from before both have begun until after.
        """
        argv = self.command("client", *READING, database)
        with sessions.session(argv) as lock, ExitStack() as stack:
            with sessions.ended_after(2 * BEGIN_SECONDS, lock):
                sessions.ask(lock, f"SET SESSION lock_wait_timeout = {BEGIN_SECONDS}; FLUSH TABLES WITH READ LOCK;")
                # Started no sooner: mysqldump begins its transaction by itself, and the lock would not keep it from it.
                session = stack.enter_context(sessions.session(argv))
                dump = stack.enter_context(sessions.session(self.command("dump", *DUMP, database)))
                with sessions.ended_after(2 * BEGIN_SECONDS, session, dump):
                    sessions.ask(session, f"{SNAPSHOT}START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;")
                    begun = sessions.begun(dump)
                sessions.ask(lock, "UNLOCK TABLES;")
            self._held = Held(session, dump, begun)
            try:
                with sessions.ended_after(LONG, session, dump):
                    yield "held"
            finally:
                self._held = None

    def contents(self, database: str, moment: str = "") -> Contents:
        """Return what a database holds, counted row by row."""
        held = self._held if moment else None

        def ask(sql: str) -> list[list[str]]:
            if held:
                return [line.split("\t") for line in sessions.ask(held.session, sql)]
            return self.ask(f"{SNAPSHOT}{sql}", database, LONG)

        tables = [bytes.fromhex(row[0]).decode() for row in ask(TABLES)]
        rows = ask("".join(f"SELECT COUNT(*) FROM {named(table)};\n" for table in tables)) if tables else []
        programs = [(kind, bytes.fromhex(name).decode()) for kind, name in ask(PROGRAMS)]
        return Contents(
            tables={table: int(row[0]) for table, row in zip(tables, rows, strict=True)},
            views=int(ask(VIEWS)[0][0]),
            programs={name: kind for kind, name in programs},
        )

    def dump(self, database: str, path: Path, moment: str) -> None:  # noqa: ARG002 - the moment knows
        """Write what the held dump says, packed by zstd, to a file that does not exist yet.

        Raises:
            Failed: it was interrupted.
        """
        held = self._held
        assert held and held.dump.stdout  # noqa: S101, PT018  a moment holds both
        with (
            path.open("xb") as file,
            subprocess.Popen(["zstd", "--quiet", "-1", "--stdout"], stdin=subprocess.PIPE, stdout=file) as packing,
        ):
            assert packing.stdin  # noqa: S101  a pipe
            packing.stdin.write(held.begun)
            shutil.copyfileobj(held.dump.stdout, packing.stdin, 1 << 20)
            packing.stdin.close()
        held.dump.wait(timeout=QUICK)
        if held.dump.returncode or packing.returncode:
            errors = held.dump.stderr.read() if held.dump.stderr else b""
            raise Failed("mysqldump failed.", last_words(errors), f"docker logs {self.container}")

    def listed(self, path: Path) -> set[str]:
        """Return the tables that a dump makes; read to its end."""
        return dump_file.listed(path)

    def dumped_from(self, path: Path) -> str:
        """Return the version of the server that a dump was taken from, as `11.8.3`."""
        return dump_file.dumped_from(path)

    def create(self, database: str, like: str = "") -> None:
        """Make an empty database, with the characters and their order of the database `like`.

        Anyone who has rights there may read here, until `drop` or `rename` (grants.py).
        """
        rights = grants.lent(self, [database], like) if like else []
        self.ask("\n".join([self.creation(database, like), *rights]))

    def restore(self, path: Path, database: str, tables: tuple[str, ...] = ()) -> None:
        """Load a dump into an empty database; all of it, its events off. In whose name things work stays as it was.

        Raises:
            Failed: at the first error.
        """
        assert not tables  # noqa: S101  rename.refuse has passed it
        client = self.command("client", "--binary-mode", "--comments", database)
        pipe([dump_file.unpacking(path), schema.EVENTS_OFF, client], seconds=LONG, source=path)

    def copy(self, database: str, of: str) -> None:
        """Not here: MySQL copies no database, and no one asks for it (restore.py)."""
        raise NotImplementedError

    def finish(self, database: str, like: str) -> None:
        """See that what acts in someone's name can, and that all is ready to move; statistics come by themselves.

        Raises:
            Failed: someone has no account here.
        """
        missing = grants.strangers(self, database, like)
        if missing:
            raise Failed(
                f"{missing[0]} has no account on this server; nothing live was touched.",
                f"Views, triggers or procedures run as {', '.join(missing)}, and would fail.",
                f"Make it first: CREATE USER {missing[0]} ACCOUNT LOCK; with the rights that it had.",
            )
        rename.checkpoint(self)

    def drop(self, database: str) -> None:
        """Delete a database, and who had rights in it; nothing happens when there is none."""
        rights = grants.ended(self, database)
        self.ask("\n".join([*rights, f"DROP DATABASE IF EXISTS {named(database)};"]), seconds=600)

    def rename(self, pairs: list[tuple[str, str]]) -> None:
        """Let what databases hold change places, all of it or nothing; their sessions end."""
        rename.rename(self, pairs)

    def open(self, database: str) -> None:
        """Nothing: MySQL closes no single database; the backend, which is held, is who writes."""

    def take_back(self, pairs: list[tuple[str, str]]) -> None:
        """Take a rename back, however far it came."""
        rename.take_back(self, pairs)

    def clear(self) -> None:
        """Nothing on the server: sessions and dumps of a run that was killed end with their pipes."""
        rename.forget(self)
