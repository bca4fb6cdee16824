"""PostgreSQL inside its container: the engine that backup, restore and verification ask."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from aipbx_agent.core import docker, retry
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import last_words
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.postgres import contents, sessions
from aipbx_agent.databases.postgres.client import APPLICATION, LONG, PSQL, QUICK
from aipbx_agent.databases.postgres.dump_database import Database
from aipbx_agent.databases.postgres.dumps import Dumps
from aipbx_agent.databases.quoting import identifier, literal

# Seconds in which sessions must have left a database that gets another name.
LEAVING_SECONDS = 20
LOCALE = re.compile(r"locale|collat|encoding|provider", re.IGNORECASE)
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


class Postgres(Dumps):
    """A PostgreSQL server in a container."""

    name = "postgres"
    dump_file = "database.dump"

    def version(self) -> str:
        """Return the server's version, as `16.14`."""
        return self.psql("SHOW server_version")[0].split()[0]

    def size(self, database: str) -> int:
        """Return bytes of a database on the server's disk."""
        return int(self.psql(f"SELECT pg_database_size({literal(database)})")[0])

    def whole_size(self) -> int:
        """Bytes of all databases on the server's disk; one that is dropped meanwhile (a look's) counts as none."""
        return int(self.psql("SELECT coalesce(sum(pg_database_size(oid)), 0) FROM pg_database")[0])

    def databases(self) -> list[str]:
        """Return the names of all databases."""
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
            assert session.stdin and session.stdout  # noqa: S101, PT018  pipes
            session.stdin.write(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();\n")
            session.stdin.flush()
            name = session.stdout.readline().decode().strip()
            if not name:
                _, errors = session.communicate(timeout=QUICK)
                raise Failed(
                    "The database could not be locked for a consistent backup.", last_words(errors), "inv logs postgres"
                )
            try:
                yield name
            finally:
                session.communicate(timeout=QUICK)

    def contents(self, database: str, moment: str = "") -> Contents:
        """Return what a database holds, counted row by row."""
        return contents.contents(self, database, moment)

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

    def copy(self, database: str, of: str) -> None:
        """Make a database that is a copy of another, to which no one is connected."""
        # Through the server's log, which is what it does by itself since 15, all of it would be written twice.
        how = " STRATEGY file_copy" if int(self.version().split(".")[0]) >= 15 else ""
        owner = self.owner(of)
        clauses = f"OWNER {identifier(owner)} TEMPLATE {identifier(of)}{how}"
        self.psql(f"CREATE DATABASE {identifier(database)} {clauses}", seconds=LONG)
        self.psql(OF_THE_DATABASE.format(new=literal(database), like=literal(of)))

    def owner(self, database: str) -> str:
        """Return the role that a database belongs to."""
        sql = f"SELECT to_json(pg_get_userbyid(datdba)::text) FROM pg_database WHERE datname = {literal(database)}"
        return str(json.loads(self.psql(sql)[0]))

    def as_owner(self, database: str) -> Postgres:
        """The same server, with sessions of the role that a database belongs to.

        What the application wrote (a view, an index's expression) runs as its reader. SET ROLE keeps nothing
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
        databases = self.databases()
        if pairs[0][1] in databases and pairs[-1][0] not in databases:
            return
        self._renamed(pairs, f"ALTER DATABASE {identifier(pairs[-1][1])} ALLOW_CONNECTIONS false;\n")

    def _renamed(self, pairs: list[tuple[str, str]], more: str) -> None:
        leaving = ", ".join(literal(old) for old, _ in pairs)
        renames = "".join(f"ALTER DATABASE {identifier(old)} RENAME TO {identifier(new)};\n" for old, new in pairs)
        sql = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname IN ({leaving}) AND pid <> pg_backend_pid();\nBEGIN;\n{renames}{more}COMMIT;\n"
        )
        # Someone may be quicker to come back than the rename.
        retry.until(
            LEAVING_SECONDS,
            lambda: self.psql(sql),
            pause=0,
            again=lambda problem: "being accessed by other users" in problem.why,
        )

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
