"""`inv setup`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import named_hosts, only, report_errors
from fleet.command_line.verb import task


@task(help={"host": "the host's name", "yes": "do not ask"})
@report_errors
def setup(_: Context, host: str = "", yes: bool = False) -> None:
    """Converge a host, give it its variables and certificate, and deploy; skips what is done already."""
    from fleet.setup import run

    # Each command that it runs is recorded on the host by itself.
    run.carry_out(only(named_hosts(host)), yes=yes)
