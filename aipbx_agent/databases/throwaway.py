"""A database server that is thrown away: of the live one's kind, held to a part of the machine, reachable by no one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aipbx_agent.contract import ADMIN, POSTGRES_DATA
from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import run
from aipbx_agent.databases.engine import Engine
from aipbx_agent.databases.mysql import grants
from aipbx_agent.databases.mysql import throwaway as mysql_throwaway
from aipbx_agent.databases.mysql.engine import MySQL
from aipbx_agent.databases.postgres.client import INSIDE
from aipbx_agent.databases.postgres.engine import Postgres

NAME = "aipbx-verification"
START_SECONDS = 120
# Nothing in it outlives a crash of the machine, and nothing has to.
QUICKLY = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off")


def command(config: Config, image: str) -> list[str]:
    """Return the command that starts it. It has no network, so that it needs no password.

    Args:
        image: the live server's.
    """
    argv = [*docker.throwaway(NAME, config.raw), "--shm-size", "128m"]
    argv += ["--volume", f"{config.backups}:{INSIDE}:ro", "--volume", POSTGRES_DATA]
    argv += ["--env", f"POSTGRES_USER={ADMIN}", "--env", "POSTGRES_HOST_AUTH_METHOD=trust"]
    argv += ["--env", "POSTGRES_INITDB_ARGS=--no-sync --encoding=UTF8 --locale=C"]
    return [*argv, image, "postgres", *QUICKLY]


@contextmanager
def server(config: Config, live: Engine) -> Iterator[Engine]:
    """A server for a while, which of the live one has only the image, and MySQL's accounts; deleted afterwards.

    Args:
        live: the server that the application works with.
    """
    clear()
    image = docker.image(live.container)
    if isinstance(live, MySQL):
        try:
            mysql_throwaway.start(config, image, NAME)
            scratch = MySQL(NAME)
            scratch.ask("\n".join(grants.accounts(live)))
            yield scratch
        finally:
            clear()
        return
    assert isinstance(live, Postgres)  # noqa: S101  there is no third kind
    try:
        run(command(config, image), seconds=docker.SECONDS)
        _wait()
        yield Postgres(NAME, ADMIN, config.backups, live.jobs)
    finally:
        clear()


def clear() -> None:
    """Delete what a killed run left."""
    run(["docker", "rm", "--force", "--volumes", NAME, mysql_throwaway.SCRATCH], seconds=docker.SECONDS)


def _wait() -> None:
    """Wait until it answers over TCP: while it is being made, it listens on its socket only."""
    argv = ["docker", "exec", NAME, "pg_isready", "--quiet", "--host", "127.0.0.1"]
    docker.wait_answering(NAME, "The scratch server", argv, START_SECONDS)
