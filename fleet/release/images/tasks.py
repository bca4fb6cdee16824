"""`inv registry.login`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.cli import finish, hosts_to_read, remotes, report_errors
from fleet.command_line.verb import task

if TYPE_CHECKING:
    from invoke.context import Context


@task(help={"host": "a host, several with commas, a group, or all", "json": "print JSON"})
@report_errors
def login(_: Context, host: str = "", json: bool = False) -> None:
    """Try on a host whether a token opens the application's packages; it asks for one, and keeps it nowhere."""
    from fleet.release.images import login as trial

    if not trial.show(remotes(hosts_to_read(host)), as_json=json):
        finish(1)
