"""PostgreSQL's client programs inside the server's container, over its own socket: no password, so none can leak."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

from aipbx_agent.core.process import run
from aipbx_agent.databases.postgres import sessions

# How our sessions are known on the server, so that a killed run's are found again.
APPLICATION = "aipbx-agent"
# Seconds for one question; the counts, dumps and loads of a large database.
QUICK = 60
LONG = 6 * 3600
# Where a container sees this host's backups (templates/compose.yml.j2).
INSIDE = Path("/var/lib/aipbx/backups")
PSQL = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]


@cache
def newer(container: str, user: str) -> Mapping[str, str]:
    """Return those of sessions.NEWER that a server knows; a container's server never becomes another."""
    prefix = ["docker", "exec", "--interactive", "--env", f"PGOPTIONS={sessions.options(sessions.SETTINGS)}"]
    argv = [*prefix, container, "psql", "--username", user, *PSQL, "--dbname", "postgres", "--file", "-"]
    known = run(argv, seconds=QUICK, stdin=sessions.ASK_NEWER.encode()).decode().split()
    return {name: sessions.NEWER[name] for name in known}


class Client:
    """A PostgreSQL server in a container.

    Args:
        container: its id or name.
        user: a superuser.
        backups: the folder of this host that the container sees as INSIDE.
        jobs: processes that load a dump at a time.
        cpus: how many the container may use; a load may use all of the host's. 0: a load keeps to the limit there is.
    """

    # Settings that its sessions may not set.
    unset: Collection[str] = ()

    def __init__(self, container: str, user: str, backups: Path, jobs: int, cpus: float = 0) -> None:
        self.container = container
        self.user = self.admin = user
        self.backups = backups
        self.jobs = jobs
        self.cpus = cpus

    def inside(self, path: Path) -> Path:
        """Return a path below the backups as the container sees it."""
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
            root: whether as root of the container, who may inspect the backups.
            settings: further ones of its sessions.
            leave: settings that stay as the database has them.
        """
        argv = self.beside(root=root, settings=settings, leave=leave)
        return [*argv, program, "--username", self.user, *arguments]

    def beside(
        self, *, root: bool = False, settings: Mapping[str, str] | None = None, leave: Collection[str] = ()
    ) -> list[str]:
        """Return the words before a program that is run beside the server; see `client`."""
        options = {**sessions.SETTINGS, **newer(self.container, self.admin), **(settings or {})}
        leave = [*leave, *self.unset]
        argv = ["docker", "exec", "--interactive", *(["--user", "0"] if root else [])]
        argv += ["--env", f"PGAPPNAME={APPLICATION}", "--env", f"PGOPTIONS={sessions.options(options, leave)}"]
        return [*argv, self.container]

    def psql(
        self, sql: str, database: str = "postgres", seconds: float = QUICK, leave: Collection[str] = ()
    ) -> list[str]:
        """Run SQL, stopping at the first error, and return its output's lines.

        Raises:
            Failed: with the server's words.
        """
        argv = self.client("psql", *PSQL, "--dbname", database, "--file", "-", leave=leave)
        return run(argv, seconds=seconds, stdin=sql.encode()).decode().splitlines()

    def attempt(self, commands: Sequence[str]) -> str:
        """Run commands, each whatever becomes of the others, and return the errors."""
        argv = self.client("psql", "--no-psqlrc", "--quiet", "--dbname", "postgres", "--file", "-")
        return self._errors(argv, stdin="".join(f"{command};\n" for command in commands).encode())

    def _errors(self, argv: list[str], *, stdin: bytes = b"") -> str:
        position = argv.index(self.container) + 1
        argv = [*argv[:position], "sh", "-c", 'exec "$@" 2>&1', "sh", *argv[position:]]
        return run(argv, seconds=LONG, stdin=stdin, fine=(0, 1)).decode(errors="replace")
