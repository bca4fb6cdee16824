"""`inv db`, `inv exec`, `inv tunnel`."""

from __future__ import annotations

import sys

from invoke.context import Context

from fleet.cli import hosts_to_read, only, report_errors
from fleet.command_line.verb import task
from fleet.errors import OperatorError


@task(
    default=True,
    help={
        "host": "a host",
        "command": "one query, instead of a session",
        "database": "another one than the application's: previous data of a restore, or a database for inspection",
        "read-only": "every transaction may only read",
    },
)
@report_errors
def shell(_: Context, host: str = "", command: str = "", database: str = "", read_only: bool = False) -> None:
    """Open psql on the application's database; -c for one query; SQL from a pipe works too."""
    from fleet.shell import sessions

    sessions.database(only(hosts_to_read(host)), command, database, read_only=read_only)


@task(
    name="exec",
    positional=["service"],
    help={"service": "backend, frontend, nginx or postgres", "host": "a host"},
)
@report_errors
def exec_(_: Context, service: str, host: str = "") -> None:
    """Run a command inside a service: `inv exec backend -- node -v`; without one, a shell."""
    from fleet.shell import sessions
    from fleet.status.logs import known

    remote = only(hosts_to_read(host))
    known([service], remote.settings.extra_services)
    command = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else ["sh"]
    if not command:
        raise OperatorError(
            "Which command?", "No command after `--`.", f"inv exec {service} -- node -v, or leave `--` out: a shell"
        )
    sessions.execute(remote, service, command)


@task(
    positional=["service"],
    help={
        "service": "whose port: postgres, backend, frontend, prometheus, alertmanager; others with --port",
        "host": "a host",
        "port": "the port inside the network",
        "local": "the port on this machine",
    },
)
@report_errors
def tunnel(_: Context, service: str, host: str = "", port: int = 0, local: int = 0) -> None:
    """Bring an internal service's port to this machine: `inv tunnel postgres --local=15432`."""
    from fleet.shell import sessions

    sessions.tunnel(only(hosts_to_read(host)), service, port, local)
