"""`inv adopt`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import named_hosts, only, report_errors
from fleet.command_line.verb import task


@task(help={"host": "the host's name"})
@report_errors
def adopt(_: Context, host: str = "") -> None:
    """Read a host installed by hand: what is there, its variables into an env file, what inventory.py must say."""
    from fleet.adoption import show

    show.show(only(named_hosts(host)))
