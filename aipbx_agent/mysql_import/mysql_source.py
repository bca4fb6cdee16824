"""A MySQL or MariaDB server that is only read: the one in a container of this host, or a scratch one with a dump in it.

Its client is the one beside it, its login that of its own container: so no password comes from anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import pipe, run
from aipbx_agent.databases.mysql.throwaway import SCRATCH, clear, start
from aipbx_agent.restore import incoming

CONTAINER = "container:"
SECONDS = 6 * 3600
PULL_SECONDS = 900
# What a script for the client is given as its words: the database; empty: the one that the container was made with.
CLIENT = """set -eu
value() { eval "text=\\${$1:-} file=\\${$1_FILE:-}"; if [ -n "$file" ]; then cat "$file"; else printf %s "$text"; fi; }
either() { text=$(value "MARIADB_$1"); [ -n "$text" ] || text=$(value "MYSQL_$1"); printf %s "$text"; }
user=$(either USER) MYSQL_PWD=$(either PASSWORD)
if [ -z "$user" ]; then user=root MYSQL_PWD=$(either ROOT_PASSWORD); fi
export MYSQL_PWD
client=$(command -v mariadb || command -v mysql)
exec "$client" --user="$user" --batch --raw --skip-column-names --quick --default-character-set=utf8mb4 \\
  --max-allowed-packet=1G "${1:-$(either DATABASE)}"
"""
ENDED = re.compile(rb"^-- Dump completed", re.MULTILINE)
_TAIL_BYTES = 4096


class Reader:
    """A database that is read.

    Args:
        container: of its server.
        database: its name; empty: the one that the container was made with.
        title: what people call it.
    """

    def __init__(self, container: str, database: str, title: str) -> None:
        self.container, self.database, self.title = container, database, title

    @property
    def command(self) -> list[str]:
        """The command that runs SQL from standard input and prints values apart by tabs, as they are."""
        return ["docker", "exec", "--interactive", self.container, "sh", "-c", CLIENT, "sh", self.database]

    def ask(self, sql: str) -> list[list[str]]:
        """Return what it answers: a list for each row.

        Raises:
            Failed: with the server's words.
        """
        out = run(self.command, seconds=docker.SECONDS, stdin=sql.encode())
        return [line.split("\t") for line in out.decode().splitlines()]


@contextmanager
def opened(config: Config, name: str, database: str) -> Iterator[Reader]:
    """A source to read from, for a while.

    Args:
        name: `container:NAME`, or the name of a mysqldump file in backups/incoming.
        database: its name in that container; empty: the one that the container was made with.

    Raises:
        Refused: there is no such thing, or it is incomplete.
    """
    if name.startswith(CONTAINER):
        yield _running(config, name.removeprefix(CONTAINER), database)
        return
    path = incoming.folder(config) / name
    if "/" in name or name in {"", ".", ".."} or path.is_symlink() or not path.is_file():
        raise Refused(
            f"{name!r} is neither `container:NAME` nor a file in {incoming.folder(config)}.",
            "MySQL's data come from one of these.",
            "inv db.import-mysql --from=FILE, or --from=container:NAME",
        )
    with events.step(f"all of {incoming.title(name)} can be read"):
        packed = _whole(path)
    try:
        yield _loaded(config, path, packed=packed)
    finally:
        clear()


def _running(config: Config, name: str, database: str) -> Reader:
    try:
        runs = docker.running(name)
    except Failed as problem:
        raise Refused(f"There is no container {name}.", problem.why, f"On {config.host}: docker ps --all") from None
    if not runs:
        raise Refused(f"Container {name} does not run.", "So its data cannot be read.", f"docker start {name}")
    reader = Reader(name, database, f"container {name}")
    try:
        reader.ask("SELECT 1;")
    except Failed as problem:
        raise Refused(
            f"The database in container {name} cannot be read.",
            problem.why,
            "Its login is that of its own variables: MARIADB_USER or MYSQL_USER, or root. --database names another.",
        ) from None
    return reader


def _whole(path: Path) -> bool:
    """Return whether a dump is packed; read to its end, where mysqldump says that it is complete."""
    title, packed = incoming.title(path.name), incoming.kind(path) == "gzip"
    try:
        unpacked = [["gzip", "--decompress", "--stdout"]] if packed else [["cat"]]
        end = pipe([*unpacked, ["tail", "--bytes", str(_TAIL_BYTES)]], seconds=SECONDS, source=path)
    except Failed as problem:
        raise Refused(f"{title} is incomplete.", problem.why, "Use another file.") from None
    if not packed and incoming.kind(path) != "mysql":
        raise Refused(f"{title} is not a MySQL dump.", "It does not begin as mysqldump does.", "Use another file.")
    if not ENDED.search(end):
        raise Refused(
            f"{title} is not a complete MySQL dump.", "Its end does not say `Dump completed`.", "Use another file."
        )
    return packed


def _loaded(config: Config, path: Path, *, packed: bool) -> Reader:
    image = str(config.raw["mysql_image"])
    clear()
    with events.step(f"scratch server {image}"):
        _pulled(image)
        start(config, image, SCRATCH)
    title = incoming.title(path.name)
    with events.step(f"{title} loaded into it"):
        unpacked = [["gzip", "--decompress", "--stdout"]] if packed else [["cat"]]
        client = ["mariadb", "--user=root", "--binary-mode", "--max-allowed-packet=1G", "source"]
        try:
            pipe([*unpacked, ["docker", "exec", "--interactive", SCRATCH, *client]], seconds=SECONDS, source=path)
        except Failed as problem:
            raise Refused(f"{title} cannot be loaded.", problem.why, "Use another file.") from None
    return Reader(SCRATCH, _database(title), title)


def _database(title: str) -> str:
    """Return the database that a dump made: it may name its own."""
    theirs = "('mysql', 'sys', 'information_schema', 'performance_schema')"
    sql = f"SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_schema NOT IN {theirs};"
    names = [row[0] for row in Reader(SCRATCH, "source", title).ask(sql)]
    if len(names) != 1:
        why = f"It holds tables in {len(names)} databases: {', '.join(names)}." if names else "It holds no table."
        raise Refused(f"{title} does not hold one database.", why, "Dump the application's alone: mysqldump … DATABASE")
    return names[0]


def _pulled(image: str) -> None:
    try:
        run(["docker", "image", "inspect", "--format", "{{.Id}}", image], seconds=docker.SECONDS)
    except Failed:
        run(["docker", "pull", "--quiet", image], seconds=PULL_SECONDS)
