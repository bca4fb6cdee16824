"""The database server, whichever it is: what backup, restore and verification ask of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.contents import Contents


class Engine(Protocol):
    """A running server: the live one, or a scratch one."""

    # `postgres` or `mysql`, and the name of the file that holds its dump.
    name: str
    dump_file: str
    # Where it runs.
    container: str

    def version(self) -> str:
        """Return the server's version, as `16.14`."""

    def size(self, database: str) -> int:
        """Return bytes of a database on the server's disk."""

    def databases(self) -> list[str]:
        """Return the names of all databases."""

    def moment(self, database: str) -> AbstractContextManager[str]:
        """Hold a moment of a database still: `contents` and `dump` given its name see the same data."""

    def contents(self, database: str, moment: str = "") -> Contents:
        """Return what a database holds, counted row by row, at a moment or now."""

    def dump(self, database: str, path: Path, moment: str) -> None:
        """Write a dump of a database at a moment to a file that does not exist yet."""

    def listed(self, path: Path) -> set[str]:
        """The tables that a dump says it holds, as `Contents.tables` names them; Refused when it cannot be read."""

    def dumped_from(self, path: Path) -> str:
        """Return the version of the server that a dump was taken from, as `16.14`."""

    def copy(self, database: str, of: str) -> None:
        """Make a database that is a copy of another, to which no one is connected."""

    def finish(self, database: str, like: str) -> None:
        """Give a loaded database what no dump brings: statistics, or MySQL's rights in the database `like`."""

    def drop(self, database: str) -> None:
        """Delete a database, ending its sessions; nothing happens when there is none."""

    def rename(self, pairs: list[tuple[str, str]]) -> None:
        """Give databases other names, in this order, all of them or none; their sessions end.

        The last of the new names takes no connections until `open`, where the server can do that. What was done before
        is not done again.
        """

    def open(self, database: str) -> None:
        """Let sessions into a database."""

    def take_back(self, pairs: list[tuple[str, str]]) -> None:
        """Give databases the names that they had before `rename(pairs)`, however far that came.

        It had begun if the first of the new names is there.
        """

    def clear(self) -> None:
        """End what a run that was killed left on the server: its dumps, counts and loads."""


def live(config: Config) -> Engine:
    """Return the server that the application works with.

    Raises:
        Refused: it does not run, or nothing here knows its kind.
    """
    if config.dialect == "postgres":
        from aipbx_agent.databases.postgres import superuser
        from aipbx_agent.databases.postgres.engine import Postgres

        container = docker.container(config.project, "postgres")
        user = superuser.superuser(container, config.role)
        jobs, cpus = int(config.raw["restore_jobs"]), float(config.raw["postgres_cpus"])
        return Postgres(container, user, config.backups, jobs, cpus)
    if config.dialect == "mysql":
        from aipbx_agent.databases.mysql.engine import MySQL

        return MySQL(docker.container(config.project, "mysql"), config.backups)
    raise Refused(
        f"There is no backup for DB_DIALECT={config.dialect}.", "Supported are postgres and mysql.", "inv env.edit"
    )
