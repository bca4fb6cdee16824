"""PostgreSQL inside its container, over its own socket: no password is needed, so none can leak."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from aipbx_agent.core import docker
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import COMMAND, last_words, run
from aipbx_agent.databases import dump_database, pg_dump_toc, sessions
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.dump_database import Database
from aipbx_agent.databases.properties import PROPERTIES, ROLES, STAYS
from aipbx_agent.databases.quoting import identifier, literal

# How our sessions are known on the server, so that a killed run's are found again.
APPLICATION = "aipbx-agent"
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
# What leads elsewhere, or needs what another server may not have (database_properties.STAYS).
ELSEWHERE = ("--no-subscriptions", "--no-security-labels", "--no-tablespaces")
LOCALE = re.compile(r"locale|collat|encoding|provider", re.IGNORECASE)
OF_THE_DUMP = (
    "Another set has the same fault: fix that object in the live database (what it names without a schema, as "
    "public.…), then inv backup"
)
HAS_LZ4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"

PSQL = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
PLAIN = re.compile(r"[^\W\d]\w*")
# An extension's own tables come with it, and not from a dump, unless it says that users write to them (extconfig).
# A materialized view is no table: what it holds is made of them, or not at all (WITH NO DATA, and counting it fails).
_TABLES = """
SELECT {columns} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
  AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                    AND d.refclassid = 'pg_extension'::regclass AND c.oid <> ALL (coalesce(e.extconfig, '{{}}')))
ORDER BY 1::text
"""
TABLES = _TABLES.format(columns="json_build_array(n.nspname, c.relname)")
# With the column that is written most quickly: one of a fixed length.
COUNTED = _TABLES.format(
    columns="""(jsonb_build_array(n.nspname, c.relname) || coalesce(
    (SELECT jsonb_build_array(a.attname) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     ORDER BY a.attlen < 0, a.attnum LIMIT 1), '[]'))"""
)
REST = """
SELECT json_build_object(
  'sequences', (SELECT coalesce(json_object_agg(schemaname || '.' || sequencename, last_value), '{{}}')
                FROM pg_sequences WHERE last_value IS NOT NULL),
  'extensions', (SELECT coalesce(json_object_agg(extname, extversion), '{{}}') FROM pg_extension),
  'large_objects', (SELECT count(*) FROM pg_largeobject_metadata),
  'views', (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')),
  'properties', {properties}, 'roles', {roles}, 'stays', {stays})
"""
# What no template brings to its copy: who may connect, and settings for its sessions.
OF_THE_DATABASE = """
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', {new}::text)
FROM pg_database WHERE datname = {like} AND datacl IS NOT NULL \\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, {new}::text,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable AND a.grantee <> 0 THEN ' WITH GRANT OPTION' END)
FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = {like} \\gexec
DELETE FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = {new});
INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
SELECT (SELECT oid FROM pg_database WHERE datname = {new}), s.setrole, s.setconfig
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = {like};
"""


def qualified(schema: str, table: str) -> str:
    """A table's name as `Contents.tables` has it: quoted where a dot or a quote would make two of one."""
    return ".".join(name if PLAIN.fullmatch(name) else identifier(name) for name in (schema, table))


def counting(tables: list[list[str]]) -> str:
    """The SQL that counts the rows of tables `[schema, table, column]`, a line `number rows` each, in their order.

    COPY reads the rows and nothing else: to plan a query, the server evaluates the expressions of a table's indexes and
    statistics, and a view under a table's name runs what it is made of, as the superuser. Texts stay as they are.

    Args:
        tables: with a column that is quickly written; without one where a table has none.
    """
    return "".join(
        f"COPY {identifier(schema)}.{identifier(table)}{''.join(f' ({identifier(one)})' for one in column)} "
        f"TO '/dev/null' (ENCODING 'SQL_ASCII');\n\\echo {number} :ROW_COUNT\n"
        for number, (schema, table, *column) in enumerate(tables)
    )


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
    # Settings that its sessions may not set.
    unset: Collection[str] = ()

    def __init__(self, container: str, user: str, backups: Path, jobs: int, cpus: float = 0) -> None:
        self.container = container
        self.user = self.admin = user
        self.backups = backups
        self.jobs = jobs
        self.cpus = cpus

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
        options = {**sessions.SETTINGS, **newer(self.container, self.admin), **(settings or {})}
        leave = [*leave, *self.unset]
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
        tables: list[list[str]] = [json.loads(row) for row in self.psql(at(moment, COUNTED), database)]
        counted = [line.split() for line in self.psql(at(moment, counting(tables)), database, LONG)]
        rows = {qualified(*tables[int(number)][:2]): int(count) for number, count in counted}
        rest = REST.format(properties=PROPERTIES, roles=ROLES, stays=STAYS)
        found: dict[str, Any] = json.loads("".join(self.psql(at(moment, rest), database)))
        return Contents(tables=rows, **found)

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

    def entries(self, path: Path, *, create: bool = False) -> list[str]:
        """A dump's list of contents, as pg_restore prints it and takes it back.

        Args:
            path: the dump.
            create: whether with what is about the database itself.

        Raises:
            Refused: pg_restore cannot read it.
        """
        try:
            words = [*self._reading, *(["--create"] if create else []), "--list"]
            return run(words, seconds=LONG, source=path).decode().splitlines()
        except Failed as problem:
            raise _unreadable(path, problem) from None

    def dumped_from(self, path: Path) -> str:
        """The version of the server that a dump was taken from, as `16.14`."""
        told = pg_dump_toc.DUMPED_FROM.search("\n".join(self.entries(path)))
        if not told:
            raise Refused(f"{path.name} does not say what it is of.", "Its list names no server.", "Take another file.")
        return told[1]

    def about(self, path: Path) -> Database:
        """What a dump says of its database itself.

        Raises:
            Refused: pg_restore cannot read it.
        """
        listed = self._listed(dump_database.entries(self.entries(path, create=True)))
        try:
            script = run([*self._reading, "--create", listed, "--file=-"], seconds=LONG, source=path)
        except Failed as problem:
            raise _unreadable(path, problem) from None
        return dump_database.read(script.decode())

    def create(self, database: str, about: Database, owner: str = "") -> list[str]:
        """Make an empty database, with the encoding, locale and rules that a dump says.

        Returns: what operators should know: this server may not have that locale.
        """
        sql = f"CREATE DATABASE {identifier(database)} TEMPLATE template0"
        sql += f" OWNER {identifier(owner)}" if owner else ""
        try:
            self.psql(f"{sql} {about.options}")
        except Failed as problem:
            if not about.options or not LOCALE.search(problem.why):
                raise
            self.psql(sql)
            return [f"Texts may be sorted otherwise: this server cannot make its database as it was. {problem.why}"]
        return []

    def restore(self, path: Path, database: str, tables: tuple[str, ...] = ()) -> None:
        """Load a dump but for its event triggers; with several processes where the server sees the file.

        Args:
            path: the dump.
            database: an empty one.
            tables: whose rows are loaded, of an otherwise whole schema without foreign keys; none: all.

        Raises:
            Refused: there is no such table in it.
            Failed: at the first error, with the object that it is about.
        """
        listed = self.entries(path)
        wanted = pg_dump_toc.without_event_triggers(listed)
        wanted = pg_dump_toc.only(wanted, tables, path.name) if tables else wanted
        with docker.every_core(self.container, self.cpus) if self.cpus else nullcontext():
            stages = pg_dump_toc.stages(wanted, self.jobs)
            for entries, jobs in stages:
                words = [] if entries == listed else [self._listed(entries)]
                self._load(database, *words, f"--jobs={jobs}", str(self.inside(path)))

    def add_event_triggers(self, path: Path, database: str) -> None:
        """Load a dump's event triggers, which act on all that comes after them; only a superuser may own them."""
        listed = self.entries(path)
        triggers = [line for line in listed if line not in set(pg_dump_toc.without_event_triggers(listed))]
        if triggers:
            self._load(database, self._listed(triggers), "--no-owner", source=path)

    def _load(self, database: str, *words: str, source: Path | None = None) -> None:
        argv = ["--dbname", database, "--exit-on-error", *ELSEWHERE, *words]
        try:
            run(
                self.client("pg_restore", *argv, root=source is None, settings=self.loading),
                seconds=LONG,
                source=source,
            )
        except Failed as problem:
            missing = COMMAND in problem.why and "does not exist" in problem.why
            raise Failed(problem.what, problem.why, OF_THE_DUMP if missing else problem.do) from None

    def tried(self, path: Path, database: str) -> str:
        """The errors of a load of a dump's definitions, which continues after each."""
        words = ["--dbname", database, "--schema-only", *ELSEWHERE]
        return self._errors(self.client("pg_restore", *words, str(self.inside(path)), root=True))

    def attempt(self, commands: Sequence[str], database: str = "postgres") -> str:
        """Run commands, each whatever becomes of the others, and return the errors."""
        words = self.client("psql", "--no-psqlrc", "--quiet", "--dbname", database, "--file", "-")
        return self._errors(words, stdin="".join(f"{one};\n" for one in commands).encode())

    def _errors(self, words: list[str], *, stdin: bytes = b"") -> str:
        at = words.index(self.container) + 1
        words = [*words[:at], "sh", "-c", 'exec "$@" 2>&1', "sh", *words[at:]]
        return run(words, seconds=LONG, stdin=stdin, fine=(0, 1)).decode(errors="replace")

    def _listed(self, entries: list[str]) -> str:
        """A list for pg_restore, in the container, as an option."""
        place = "/tmp/aipbx-agent.list"  # noqa: S108 - in the container, where nobody else is
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
        self.psql(OF_THE_DATABASE.format(new=literal(database), like=literal(of)))

    def owner(self, database: str) -> str:
        """The role that a database belongs to."""
        asked = f"SELECT to_json(pg_get_userbyid(datdba)::text) FROM pg_database WHERE datname = {literal(database)}"
        return str(json.loads(self.psql(asked)[0]))

    def as_owner(self, database: str) -> Postgres:
        """The same server, with sessions of the role that a database belongs to.

        What the application wrote (a view, an index's expression) runs as whoever reads it. SET ROLE keeps nothing
        from it: such a function may set the role back.
        """
        client = copy.copy(self)
        client.user = self.owner(database)
        client.unset = () if client.user == self.admin else sessions.SUPERUSER
        return client

    def finish(self, database: str, like: str) -> None:  # noqa: ARG002 - MySQL's rights need it
        """Give a loaded database what no dump brings: statistics."""
        self.psql("ANALYZE", database, LONG)

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
    if "unsupported version" in problem.why:
        what = f"{path.name} was written by a newer pg_dump than this server has."
        return Refused(what, problem.why, "Take it again with the server's own pg_dump --format=custom.")
    return Refused(f"{path.name} is no dump that pg_restore reads.", problem.why, "Take another set.")
