"""`inv audit`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import finish, hosts_to_read, remotes, report_errors
from fleet.command_line.verb import HOSTS, task


@task(
    help={
        "host": HOSTS,
        "tail": "how many of the newest lines of each host",
        "json": "print JSON",
    }
)
@report_errors
def audit(_: Context, host: str = "", tail: int = 50, json: bool = False) -> None:
    """Show who changed what on a host: releases, restores, variables, shells, locks; when, and how it ended."""
    from fleet.audit import show

    if code := show.show(remotes(hosts_to_read(host)), tail=tail, as_json=json):
        finish(code)
