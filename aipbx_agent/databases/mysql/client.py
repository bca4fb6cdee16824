"""MySQL's or MariaDB's client inside the server's container, as root of the server."""

from __future__ import annotations

from pathlib import Path

from aipbx_agent.core.process import run
from aipbx_agent.databases.quoting import named, quoted

QUICK = 60
# The account that may see all, over the socket. `$1` is the program, the rest its words.
AS_ROOT = """set -eu
value() { eval "text=\\${$1:-} file=\\${$1_FILE:-}"; if [ -n "$file" ]; then cat "$file"; else printf %s "$text"; fi; }
MYSQL_PWD=$(value MARIADB_ROOT_PASSWORD)
[ -n "$MYSQL_PWD" ] || MYSQL_PWD=$(value MYSQL_ROOT_PASSWORD)
export MYSQL_PWD
case $1 in
client) program=$(command -v mariadb || command -v mysql) ;;
dump) program=$(command -v mariadb-dump || command -v mysqldump) ;;
esac
shift
exec "$program" --user=root --default-character-set=utf8mb4 --max-allowed-packet=1G "$@"
"""
READING = ("--batch", "--raw", "--skip-column-names", "--unbuffered")


class Client:
    """A server in a container.

    Args:
        container: its id or name.
        backups: the folder of this host where what is under way is written down; a throwaway server has none.
    """

    def __init__(self, container: str, backups: Path = Path()) -> None:
        self.container = container
        self.backups = backups

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command that runs its client or its dump, as root of the server."""
        return ["docker", "exec", "--interactive", self.container, "sh", "-c", AS_ROOT, "sh", program, *arguments]

    def ask(self, sql: str, database: str = "", seconds: float = QUICK) -> list[list[str]]:
        """Return what it answers: a list for each row.

        Raises:
            Failed: with the server's words.
        """
        argv = self.command("client", *READING, *([database] if database else []))
        out = run(argv, seconds=seconds, stdin=sql.encode())
        return [line.split("\t") for line in out.decode().splitlines()]

    def creation(self, database: str, like: str) -> str:
        """Return the SQL that makes an empty database."""
        sql = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata "
        rows = self.ask(f"{sql}WHERE schema_name = {quoted(like)};") if like else []
        of = f" CHARACTER SET {rows[0][0]} COLLATE {rows[0][1]}" if rows else ""
        return f"CREATE DATABASE {named(database)}{of};"
