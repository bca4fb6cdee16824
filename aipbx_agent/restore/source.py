"""What can be restored, once it was read to its end and found whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.engine import Engine


@dataclass(frozen=True)
class Source:
    """Something that can be restored, read to its end and found whole.

    Args:
        title: what people call it.
        label: the set's name; for a file, now in the same form.
        folder: where its files are.
        dump: the database's.
        engine: `postgres` or `mysql`.
        server_version: of the server that it was taken from.
        host: where it was taken; empty: a file does not say.
        taken: when, ISO 8601; empty: a file does not say.
        database_bytes: of the database, or a guess.
        role: the application's where it was taken; of a file, who owns its tables.
        contents: what must be there afterwards; None: a file does not say.
        listed: how many tables the dump lists.
        volumes: files and bytes by key.
        release: SHA by service, of what ran.
        scrubbed: whether its customers are made up (aipbx_agent/staging).
    """

    title: str
    label: str
    folder: Path
    dump: Path
    engine: str
    server_version: str
    host: str
    taken: str
    database_bytes: int
    role: str
    contents: Contents | None
    listed: int
    volumes: dict[str, dict[str, int]] = field(default_factory=dict)
    release: dict[str, str] = field(default_factory=dict)
    scrubbed: bool = False

    @property
    def series(self) -> tuple[int, ...]:
        """The series of the server that it was taken from."""
        return series(self.engine, self.server_version)


def series(engine: str, version: str) -> tuple[int, ...]:
    """Return what of a server's version says which dumps it takes: 16.4 is of (16,), and MySQL's 11.8.3 of (11, 8)."""
    return tuple(int(part) for part in version.split(".")[: 2 if engine == "mysql" else 1])


def mismatch(what: str, engine: str, server: Engine) -> Refused:
    """Return why a dump of one kind of server does not go into another."""
    return Refused(
        f"{what} is of another kind of database.",
        f"It was taken from {engine}, and this host runs {server.name}.",
        "MySQL's data come to PostgreSQL by inv db.import-mysql.",
    )
