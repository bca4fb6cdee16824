"""Odd content: what a database may hold that a careless backup loses, and a text that tells whether all of it is there.

`load` fills a database of the stack's, `fingerprint` prints what one holds: equal before and after, byte for byte.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from lab.machines.host import Host

HERE = Path(__file__).parent
DEADLINE_SECONDS = 120
PGVECTOR = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
# Who the containers' own variables name, as itself or as the content of a file.
_PSQL = 'exec psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "${1:-$POSTGRES_DB}" -f -'
_MARIADB = """
password() { eval "text=\\$$1 file=\\$${1}_FILE"; if [ -n "$file" ]; then cat "$file"; else printf %s "$text"; fi; }
case $1 in root) user=root of=MARIADB_ROOT_PASSWORD ;; *) user=$MARIADB_USER of=MARIADB_PASSWORD ;; esac
MYSQL_PWD=$(password $of)
export MYSQL_PWD
exec mariadb --user="$user" -NBr --default-character-set=utf8mb4 "${2:-$MARIADB_DATABASE}"
"""


def psql(host: Host, sql: str, project: str = "aipbx", database: str = "") -> str:
    """What PostgreSQL answers.

    Args:
        host: where the stack runs.
        sql: what psql reads; it stops at the first error.
        project: the stack's Compose project.
        database: its name; empty: the application's.

    Raises:
        LabError: with the server's words.
    """
    return _inside(host, f"{project}-postgres-1", _PSQL, [database], sql)


def mariadb(host: Host, sql: str, project: str = "aipbx", database: str = "", *, root: bool = True) -> str:
    """What MariaDB answers, as service `mysql` of the stack.

    Args:
        host: where the stack runs.
        sql: what the client reads; it stops at the first error.
        project: the stack's Compose project.
        database: its name; empty: the application's.
        root: whether as root; else as the application.

    Raises:
        LabError: with the server's words.
    """
    return _inside(host, f"{project}-mysql-1", _MARIADB, ["root" if root else "application", database], sql)


def load(host: Host, project: str = "aipbx", database: str = "") -> None:
    """Put the odd content into a PostgreSQL database that has none of it yet.

    Args:
        host: where the stack runs.
        project: the stack's Compose project.
        database: its name; empty: the application's.
    """
    psql(host, _sql("odd.postgres"), project, database)
    if psql(host, PGVECTOR, project, database).strip() == "1":
        psql(host, _sql("odd.vector"), project, database)


def fingerprint(host: Host, project: str = "aipbx", database: str = "") -> str:
    """Everything that a PostgreSQL database holds, as lines of text; rows by their number and hash.

    Args:
        host: where the stack runs.
        project: the stack's Compose project.
        database: its name; empty: the application's.
    """
    return psql(host, _sql("fingerprint.postgres"), project, database)


def load_mysql(host: Host, project: str = "aipbx", database: str = "") -> None:
    """Put the odd content into a MariaDB database that has none of it yet: the application's as the application.

    Args:
        host: where the stack runs.
        project: the stack's Compose project.
        database: its name; empty: the application's.
    """
    mariadb(host, _sql("odd.mysql"), project, database, root=bool(database))


def fingerprint_mysql(host: Host, project: str = "aipbx", database: str = "") -> str:
    """Everything that a MariaDB database holds, as lines of text; rows by their number and hash.

    Args:
        host: where the stack runs.
        project: the stack's Compose project.
        database: its name; empty: the application's.
    """
    return mariadb(host, _sql("fingerprint.mysql"), project, database)


def _sql(name: str) -> str:
    return (HERE / f"{name}.sql").read_text("utf-8")


def _inside(host: Host, container: str, script: str, words: list[str], sql: str) -> str:
    command = shlex.join(["docker", "exec", "--interactive", container, "sh", "-c", script, "sh", *words])
    return host.run(command, DEADLINE_SECONDS, stdin=sql.encode()).stdout
