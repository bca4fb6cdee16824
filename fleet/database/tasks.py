"""`inv db.rotate-password`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import hosts_to_change, only, report_errors
from fleet.command_line.verb import task


@task(help={"host": "a host", "yes": "do not ask"})
@report_errors
def rotate_password(_: Context, host: str = "", yes: bool = False) -> None:
    """Give the database a new password: the role, the env file, the host, the backend; completes an interrupted one."""
    from fleet.database import rotation

    rotation.rotate(only(hosts_to_change(host)), yes=yes)
