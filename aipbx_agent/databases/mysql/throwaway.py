"""A MySQL or MariaDB server that is thrown away, held to a part of the machine, reachable by nothing."""

from __future__ import annotations

from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import run

SCRATCH = "aipbx-import"
START_SECONDS = 180
# No network, so no password; what is lost in a crash is a copy.
SERVER = (
    "--max-allowed-packet=1G",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--event-scheduler=OFF",
    "--sql-mode=",
)
VARIABLES = ("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=yes", "MYSQL_ALLOW_EMPTY_PASSWORD=yes", "MARIADB_DATABASE=source")
# Over TCP: while it is being made, it listens on its socket only.
ASK = 'exec "$(command -v mariadb-admin || command -v mysqladmin)" --host=127.0.0.1 --user=root --skip-ssl ping'


def clear() -> None:
    """Delete the scratch server, also one that a killed run left."""
    run(["docker", "rm", "--force", "--volumes", SCRATCH], seconds=docker.SECONDS)


def start(config: Config, image: str, name: str) -> None:
    """Start a server that is thrown away, held to a part of the machine, reachable by no one, and wait for it.

    Args:
        image: what it is; it is there.
        name: of its container.

    Raises:
        Failed: it does not come up; with the end of its log.
    """
    argv = [*docker.throwaway(name, config.raw), "--volume", "/var/lib/mysql"]
    argv += [word for variable in VARIABLES for word in ("--env", variable)]
    run([*argv, image, *SERVER], seconds=docker.SECONDS)
    docker.wait_answering(name, "The scratch server", ["docker", "exec", name, "sh", "-c", ASK], START_SECONDS)
