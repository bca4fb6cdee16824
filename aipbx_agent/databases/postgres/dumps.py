"""Dumps of PostgreSQL: written by pg_dump, read and loaded by pg_restore, beside the server."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cached_property
from pathlib import Path

from aipbx_agent.core import docker
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import COMMAND, run
from aipbx_agent.databases.postgres import dump_database, pg_dump_toc
from aipbx_agent.databases.postgres.client import LONG, QUICK, Client
from aipbx_agent.databases.postgres.dump_database import Database
from aipbx_agent.databases.quoting import literal

# zstd's first level packs about as well as gzip's 6, and keeps up with the server.
COMPRESSION = "zstd:1"
# Who changes a table for longer than this is reported, not waited for all night.
LOCK_WAIT = "--lock-wait-timeout=10min"
# Settings of a load's sessions. Indexes are built in memory where it fits, by one process each instead of several for
# one. What is lost in a crash is a database that no one uses yet.
LOADING = {"synchronous_commit": "off", "maintenance_work_mem": "128MB", "max_parallel_maintenance_workers": "0"}
# Packing long texts is a third of a load with the server's own method and next to nothing with lz4, which reads as any
# other; the database becomes a tenth larger. Servers are built with it or without.
LZ4 = {"default_toast_compression": "lz4"}
# What leads elsewhere, or needs what another server may not have (database_properties.STAYS).
ELSEWHERE = ("--no-subscriptions", "--no-security-labels", "--no-tablespaces")
OF_THE_DUMP = (
    "Another set has the same fault: fix that object in the live database (what it names without a schema, as "
    "public.…), then inv backup"
)
HAS_LZ4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"


class Dumps(Client):
    """A server that writes dumps, and takes them."""

    def dump(self, database: str, path: Path, moment: str) -> None:
        """Write a dump in the custom format, packed by zstd."""
        argv = [
            "--dbname",
            database,
            "--format=custom",
            f"--compress={COMPRESSION}",
            f"--encoding={self._encoding(database)}",
            f"--snapshot={moment}",
            LOCK_WAIT,
        ]
        run(self.client("pg_dump", *argv), seconds=LONG, into=path)

    def _encoding(self, database: str) -> str:
        """Return a database's own encoding: a text that was stored without a check may be none in UTF-8."""
        sql = f"SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = {literal(database)}"
        return self.psql(sql)[0]

    def listed(self, path: Path) -> set[str]:
        """Return the tables whose rows a dump holds, as pg_restore lists them.

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
        """Return a dump's list of contents, as pg_restore prints it and takes it back.

        Args:
            path: the dump.
            create: whether with what is about the database itself.

        Raises:
            Refused: pg_restore cannot read it.
        """
        try:
            options = [*self._reading, *(["--create"] if create else []), "--list"]
            return run(options, seconds=LONG, source=path).decode().splitlines()
        except Failed as problem:
            raise _unreadable(path, problem) from None

    def dumped_from(self, path: Path) -> str:
        """Return the version of the server that a dump was taken from, as `16.14`."""
        match = pg_dump_toc.DUMPED_FROM.search("\n".join(self.entries(path)))
        if not match:
            raise Refused(f"{path.name} does not name its source.", "Its list names no server.", "Use another file.")
        return match[1]

    def about(self, path: Path) -> Database:
        """Return what a dump says of its database itself.

        Raises:
            Refused: pg_restore cannot read it.
        """
        listed = self._listed(dump_database.entries(self.entries(path, create=True)))
        try:
            script = run([*self._reading, "--create", listed, "--file=-"], seconds=LONG, source=path)
        except Failed as problem:
            raise _unreadable(path, problem) from None
        return dump_database.read(script.decode())

    @cached_property
    def loading(self) -> dict[str, str]:
        """The settings of a load's sessions."""
        return {**LOADING, **(LZ4 if self.psql(HAS_LZ4) == ["t"] else {})}

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
                options = [] if entries == listed else [self._listed(entries)]
                self._load(database, *options, f"--jobs={jobs}", str(self.inside(path)))

    def add_event_triggers(self, path: Path, database: str) -> None:
        """Load a dump's event triggers, which act on all that comes after them; only a superuser may own them."""
        listed = self.entries(path)
        triggers = [line for line in listed if line not in set(pg_dump_toc.without_event_triggers(listed))]
        if triggers:
            self._load(database, self._listed(triggers), "--no-owner", source=path)

    def _load(self, database: str, *options: str, source: Path | None = None) -> None:
        argv = ["--dbname", database, "--exit-on-error", *ELSEWHERE, *options]
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
        """Return the errors of a load of a dump's definitions, which continues after each."""
        argv = ["--dbname", database, "--schema-only", *ELSEWHERE]
        return self._errors(self.client("pg_restore", *argv, str(self.inside(path)), root=True))

    def _listed(self, entries: list[str]) -> str:
        """Return a list for pg_restore, in the container, as an option."""
        place = "/tmp/aipbx-agent.list"  # noqa: S108 - in the container, where no one else is
        argv = ["docker", "exec", "--interactive", "--user", "0", self.container]
        lines = "\n".join(entries) + "\n"
        run([*argv, "sh", "-c", f"cat >{place} && chmod 644 {place}"], seconds=QUICK, stdin=lines.encode())
        return f"--use-list={place}"


def _unreadable(path: Path, problem: Failed) -> Refused:
    if "unsupported version" in problem.why:
        what = f"{path.name} was written by a newer pg_dump than this server has."
        return Refused(what, problem.why, "Dump it again with the server's own pg_dump --format=custom.")
    return Refused(f"{path.name} is not a dump that pg_restore reads.", problem.why, "Use another set.")
