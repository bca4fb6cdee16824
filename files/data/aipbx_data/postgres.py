"""PostgreSQL inside its container, over its own socket: no password is needed, so none can leak."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from aipbx_data import docker, dump_list, sessions
from aipbx_data.errors import Failed, Refused
from aipbx_data.process import last_words, run
from aipbx_data.sets import Contents

# The server's superuser (roles.py): what is done here is done as this role, over the server's own socket.
ADMIN = "aipbx_admin"
# How our sessions are known on the server, so that a killed run's are found again.
APPLICATION = "aipbx-data"
# Seconds for one question; the counts, dumps and loads of a large database.
QUICK = 60
LONG = 6 * 3600
# Seconds in which sessions must have left a database that gets another name.
LEAVING_SECONDS = 20
# Where a container sees this host's backups (templates/compose.yml.j2).
INSIDE = Path("/var/lib/aipbx/backups")
# zstd's first level packs about as well as gzip's 6, and keeps up with the server.
COMPRESSION = "zstd:1"
# Who changes a table for longer than this is told of, instead of waited for all night.
LOCK_WAIT = "--lock-wait-timeout=10min"
# Settings of a load's sessions. Indexes are built in memory where it fits, by one process each instead of several for
# one. What is lost in a crash is a database that nobody uses yet.
LOADING = {"synchronous_commit": "off", "maintenance_work_mem": "128MB", "max_parallel_maintenance_workers": "0"}
# Packing long texts is a third of a load with the server's own method and next to nothing with lz4, which reads as any
# other; the database becomes a tenth larger. Servers are built with it or without.
LZ4 = {"default_toast_compression": "lz4"}
HAS_LZ4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"

PSQL = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
PLAIN = re.compile(r"[^\W\d]\w*")
# An extension's own tables come with it, and not from a dump, unless it says that users write to them (extconfig).
# A materialized view is no table: what it holds is made of them, or not at all (WITH NO DATA, and counting it fails).
TABLES = """
SELECT json_build_array(n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
  AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                    AND d.refclassid = 'pg_extension'::regclass AND c.oid <> ALL (coalesce(e.extconfig, '{}')))
ORDER BY 1::text
"""
REST = """
SELECT json_build_object(
  'sequences', (SELECT coalesce(json_object_agg(schemaname || '.' || sequencename, last_value), '{}')
                FROM pg_sequences WHERE last_value IS NOT NULL),
  'extensions', (SELECT coalesce(json_object_agg(extname, extversion), '{}') FROM pg_extension),
  'large_objects', (SELECT count(*) FROM pg_largeobject_metadata),
  'views', (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')))
"""
# What belongs to a database itself and is in no dump of it: who may connect, and settings for its sessions.
OF_THE_DATABASE = """
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', {new}::text)
FROM pg_database WHERE datname = {like} AND datacl IS NOT NULL \\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, {new}::text,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = {like} \\gexec
DELETE FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = {new});
INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
SELECT (SELECT oid FROM pg_database WHERE datname = {new}), s.setrole, s.setconfig
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = {like};
"""
ROLES = """
SELECT format('CREATE ROLE %I%s;', rolname, CASE WHEN rolsuper THEN ' SUPERUSER' ELSE '' END)
FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%'
"""


def identifier(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL has it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'" if "\\" not in text else " E'" + escaped.replace("\\", "\\\\") + "'"


def qualified(schema: str, table: str) -> str:
    """A table's name as `Contents.tables` has it: quoted where a dot or a quote would make two of one."""
    return ".".join(name if PLAIN.fullmatch(name) else identifier(name) for name in (schema, table))


def counting(tables: list[list[str]]) -> str:
    """The SQL that counts the rows of tables, a JSON array `[name, rows]` a line."""
    if not tables:
        return ""
    counts = [
        f"SELECT json_build_array({literal(qualified(schema, table))}, count(*)) "
        f"FROM ONLY {identifier(schema)}.{identifier(table)}"
        for schema, table in tables
    ]
    return " UNION ALL ".join(counts)


def at(moment: str, sql: str) -> str:
    """The same SQL as the server's data were at an exported moment; empty: now."""
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n"
    return begin + (f"SET TRANSACTION SNAPSHOT {literal(moment)};\n" if moment else "") + f"{sql};\nCOMMIT;\n"


@cache
def newer(container: str, user: str) -> Mapping[str, str]:
    """Those of sessions.NEWER that a server knows; a container's server never becomes another."""
    words = ["docker", "exec", "--interactive", "--env", f"PGOPTIONS={sessions.options(sessions.SETTINGS)}"]
    argv = [*words, container, "psql", "--username", user, *PSQL, "--dbname", "postgres", "--file", "-"]
    known = run(argv, seconds=QUICK, stdin=sessions.ASK_NEWER.encode()).decode().split()
    return {name: sessions.NEWER[name] for name in known}


class Postgres:
    """A PostgreSQL server in a container.

    Args:
        container: its id or name.
        user: a superuser.
        backups: the folder of this host that the container sees as INSIDE.
        jobs: processes that load a dump at a time.
        cpus: how many the container may use; a load may use all of the host's. 0: a load keeps to the limit there is.
    """

    name = "postgres"
    dump_file = "database.dump"

    def __init__(self, container: str, user: str, backups: Path, jobs: int, cpus: float = 0) -> None:
        self.container = container
        self.user = user
        self.backups = backups
        self.jobs = jobs
        self.cpus = cpus

    @cached_property
    def sees_backups(self) -> bool:
        """Whether it was started since the stack has that mount; a deploy starts it anew."""
        return docker.mounted(self.container, str(INSIDE))

    @cached_property
    def loading(self) -> dict[str, str]:
        """The settings of a load's sessions."""
        return {**LOADING, **(LZ4 if self.psql(HAS_LZ4) == ["t"] else {})}

    def inside(self, path: Path) -> Path:
        """A path below the backups as the container sees it."""
        return INSIDE / path.relative_to(self.backups)

    def client(
        self,
        program: str,
        *arguments: str,
        root: bool = False,
        settings: Mapping[str, str] | None = None,
        leave: Collection[str] = (),
    ) -> list[str]:
        """The command that runs one of PostgreSQL's programs beside the server, with sessions as sessions.py has them.

        Args:
            program: as `pg_dump`.
            arguments: what follows the user.
            root: whether as root of the container, who may look into the backups.
            settings: further ones of its sessions.
            leave: settings that stay as the database has them.
        """
        words = self.beside(root=root, settings=settings, leave=leave)
        return [*words, program, "--username", self.user, *arguments]

    def beside(
        self, *, root: bool = False, settings: Mapping[str, str] | None = None, leave: Collection[str] = ()
    ) -> list[str]:
        """The words before a program that is run beside the server; see `client`."""
        options = {**sessions.SETTINGS, **newer(self.container, self.user), **(settings or {})}
        words = ["docker", "exec", "--interactive", *(["--user", "0"] if root else [])]
        words += ["--env", f"PGAPPNAME={APPLICATION}", "--env", f"PGOPTIONS={sessions.options(options, leave)}"]
        return [*words, self.container]

    def psql(
        self, sql: str, database: str = "postgres", seconds: float = QUICK, leave: Collection[str] = ()
    ) -> list[str]:
        """Run SQL, stopping at the first error, and return its output's lines.

        Raises:
            Failed: with the server's words.
        """
        argv = self.client("psql", *PSQL, "--dbname", database, "--file", "-", leave=leave)
        return run(argv, seconds=seconds, stdin=sql.encode()).decode().splitlines()

    def version(self) -> str:
        """The server's version, as `16.14`."""
        return self.psql("SHOW server_version")[0].split()[0]

    def size(self, database: str) -> int:
        """Bytes of a database on the server's disk."""
        return int(self.psql(f"SELECT pg_database_size({literal(database)})")[0])

    def whole_size(self) -> int:
        """Bytes of all databases on the server's disk; one that is dropped meanwhile (a look's) counts as none."""
        return int(self.psql("SELECT coalesce(sum(pg_database_size(oid)), 0) FROM pg_database")[0])

    def databases(self) -> list[str]:
        """The names of all databases."""
        rows = self.psql("SELECT to_json(datname::text) FROM pg_database WHERE NOT datistemplate")
        return [json.loads(row) for row in rows]

    @contextmanager
    def moment(self, database: str) -> Iterator[str]:
        """Hold a moment still, in a session of its own."""
        with subprocess.Popen(
            self.client("psql", *PSQL, "--dbname", database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as session:
            if session.stdin is None or session.stdout is None:  # for mypy: both are pipes
                raise AssertionError
            session.stdin.write(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();\n")
            session.stdin.flush()
            name = session.stdout.readline().decode().strip()
            if not name:
                _, errors = session.communicate(timeout=QUICK)
                raise Failed("The database cannot be held still for a backup.", last_words(errors), "inv logs postgres")
            try:
                yield name
            finally:
                session.communicate(timeout=QUICK)

    def contents(self, database: str, moment: str = "") -> Contents:
        """What a database holds, counted row by row."""
        tables: list[list[str]] = [json.loads(row) for row in self.psql(at(moment, TABLES), database)]
        rows = [json.loads(row) for row in self.psql(at(moment, counting(tables)), database, LONG)] if tables else []
        rest: dict[str, Any] = json.loads("".join(self.psql(at(moment, REST), database)))
        return Contents(tables=dict(rows), **rest)

    def dump(self, database: str, path: Path, moment: str) -> None:
        """Write a dump in the custom format, packed by zstd."""
        words = [
            "--dbname",
            database,
            "--format=custom",
            f"--compress={COMPRESSION}",
            f"--encoding={self._encoding(database)}",
            f"--snapshot={moment}",
            LOCK_WAIT,
        ]
        run(self.client("pg_dump", *words), seconds=LONG, into=path)

    def _encoding(self, database: str) -> str:
        """A database's own encoding: a text that was stored without a check may be none in UTF-8."""
        sql = f"SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = {literal(database)}"
        return self.psql(sql)[0]

    def listed(self, path: Path) -> set[str]:
        """The tables whose rows a dump holds, as pg_restore lists them.

        All of it is unpacked and thrown away: a list alone would be read from the beginning of a file that is cut off.

        Raises:
            Refused: pg_restore cannot read it.
        """
        try:
            run([*self._reading, "--file=/dev/null"], seconds=LONG, source=path)
        except Failed as problem:
            raise _unreadable(path, problem) from None
        return {line.strip() for line in self.entries(path) if " TABLE DATA " in line}

    @property
    def _reading(self) -> list[str]:
        return ["docker", "exec", "--interactive", self.container, "pg_restore"]

    def entries(self, path: Path) -> list[str]:
        """A dump's list of contents, as pg_restore prints it and takes it back.

        Raises:
            Refused: pg_restore cannot read it.
        """
        try:
            return run([*self._reading, "--list"], seconds=LONG, source=path).decode().splitlines()
        except Failed as problem:
            raise _unreadable(path, problem) from None

    def dumped_from(self, path: Path) -> str:
        """The version of the server that a dump was taken from, as `16.14`."""
        told = dump_list.DUMPED_FROM.search("\n".join(self.entries(path)))
        if not told:
            raise Refused(f"{path.name} does not say what it is of.", "Its list names no server.", "Take another file.")
        return told[1]

    def create(self, database: str, like: str = "") -> None:
        """Make an empty database."""
        collation = ""
        if like and like in self.databases():
            row = json.loads(
                self.psql(
                    "SELECT json_build_array(pg_encoding_to_char(encoding), datcollate, datctype, "
                    f"pg_get_userbyid(datdba)) FROM pg_database WHERE datname = {literal(like)}"
                )[0]
            )
            collation = (
                f" OWNER {identifier(row[3])} ENCODING {literal(row[0])} "
                f"LC_COLLATE {literal(row[1])} LC_CTYPE {literal(row[2])}"
            )
        self.psql(f"CREATE DATABASE {identifier(database)} TEMPLATE template0{collation}")

    def restore(self, path: Path, database: str, tables: tuple[str, ...] = (), *, foreign: bool = False) -> None:
        """Load a dump; with several processes where the server sees the file.

        Args:
            path: the dump.
            database: an empty one.
            tables: whose rows are loaded, of an otherwise whole schema without foreign keys; none: all.
            foreign: whether what is in it shall belong to us, without the grants.

        Raises:
            Refused: there is no such table in it.
            Failed: at the first error.
        """
        words = ["--dbname", database, "--exit-on-error", *(["--no-owner", "--no-privileges"] if foreign else [])]
        chosen = dump_list.only(self.entries(path), tables, path.name) if tables else []
        with docker.every_core(self.container, self.cpus) if self.cpus else nullcontext():
            if not self.sees_backups:
                listed = [self._listed(chosen)] if chosen else []
                run(self.client("pg_restore", *words, *listed, settings=self.loading), seconds=LONG, source=path)
                return
            stages = dump_list.stages(chosen or self.entries(path), self.jobs)
            for entries, jobs in stages:
                listed = [self._listed(entries)] if chosen or len(stages) > 1 else []
                load = [*words, *listed, f"--jobs={jobs}", str(self.inside(path))]
                run(self.client("pg_restore", *load, root=True, settings=self.loading), seconds=LONG)

    def _listed(self, entries: list[str]) -> str:
        """A list for pg_restore, in the container, as an option."""
        place = "/tmp/aipbx-data.list"  # noqa: S108 - in the container, where nobody else is
        words = ["docker", "exec", "--interactive", "--user", "0", self.container]
        lines = "\n".join(entries) + "\n"
        run([*words, "sh", "-c", f"cat >{place} && chmod 644 {place}"], seconds=QUICK, stdin=lines.encode())
        return f"--use-list={place}"

    def copy(self, database: str, of: str) -> None:
        """Make a database that is a copy of another, to which nobody is connected."""
        # Through the server's log, which is what it does by itself since 15, all of it would be written twice.
        how = " STRATEGY file_copy" if int(self.version().split(".")[0]) >= 15 else ""
        owner = self.owner(of)
        words = f"OWNER {identifier(owner)} TEMPLATE {identifier(of)}{how}"
        self.psql(f"CREATE DATABASE {identifier(database)} {words}", seconds=LONG)

    def owner(self, database: str) -> str:
        """The role that a database belongs to."""
        asked = f"SELECT to_json(pg_get_userbyid(datdba)::text) FROM pg_database WHERE datname = {literal(database)}"
        return str(json.loads(self.psql(asked)[0]))

    def finish(self, database: str, like: str) -> None:
        """Give a loaded database what no dump brings: statistics; settings and grants that `like` itself has."""
        self.psql("ANALYZE", database, LONG)
        if like in self.databases():
            self.psql(OF_THE_DATABASE.format(new=literal(database), like=literal(like)))

    def roles(self) -> str:
        """SQL that makes the roles of this server on another, without passwords; those that it has are errors."""
        return "\n".join(self.psql(ROLES))

    def take_roles(self, roles: str) -> None:
        """Make what `roles` of another server told."""
        words = ["--no-psqlrc", "--quiet", "--dbname", "postgres", "--file", "-"]
        run(self.client("psql", *words), seconds=QUICK, stdin=roles.encode())

    def drop(self, database: str) -> None:
        """Delete a database, ending its sessions."""
        self.psql(f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE)", seconds=600)

    def rename(self, pairs: list[tuple[str, str]]) -> None:
        """Give databases other names in one transaction, ending their sessions; the last takes none until `open`."""
        there = self.databases()
        if pairs[0][1] in there and pairs[-1][0] not in there:
            return
        self._renamed(pairs, f"ALTER DATABASE {identifier(pairs[-1][1])} ALLOW_CONNECTIONS false;\n")

    def _renamed(self, pairs: list[tuple[str, str]], more: str) -> None:
        leaving = ", ".join(literal(old) for old, _ in pairs)
        renames = "".join(f"ALTER DATABASE {identifier(old)} RENAME TO {identifier(new)};\n" for old, new in pairs)
        end = time.monotonic() + LEAVING_SECONDS
        while True:
            try:
                self.psql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    f"WHERE datname IN ({leaving}) AND pid <> pg_backend_pid();\nBEGIN;\n{renames}{more}COMMIT;\n"
                )
            except Failed as problem:
                # Somebody was quicker to come back than the rename.
                if "being accessed by other users" not in problem.why or time.monotonic() > end:
                    raise
            else:
                return

    def take_back(self, pairs: list[tuple[str, str]]) -> None:
        """Take a rename back, which was one transaction."""
        opened = f"ALTER DATABASE {identifier(pairs[-1][0])} ALLOW_CONNECTIONS true;\n"
        self._renamed([(new, old) for old, new in reversed(pairs)], opened)

    def open(self, database: str) -> None:
        """Let sessions into a database that `rename` closed."""
        self.psql(f"ALTER DATABASE {identifier(database)} ALLOW_CONNECTIONS true")

    def clear(self) -> None:
        """End what a killed run left on the server, and on its container."""
        self.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE application_name = {literal(APPLICATION)} AND pid <> pg_backend_pid()"
        )
        if self.cpus:
            docker.limit(self.container, self.cpus)


def _unreadable(path: Path, problem: Failed) -> Refused:
    return Refused(f"{path.name} is no dump that pg_restore reads.", problem.why, "Take another set.")
