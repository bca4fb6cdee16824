"""`inv attach`, `inv cancel`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import hosts_to_change, hosts_to_read, one, report_errors
from fleet.command_line.verb import task


@task(help={"host": "a host"})
@report_errors
def attach(_: Context, host: str = "") -> None:
    """Show a run that goes on on a host, from its beginning; Ctrl-C leaves it as it is."""
    from fleet.runs import runs

    runs.attach(one(hosts_to_read(host)))


@task(help={"host": "a host", "yes": "do not ask"})
@report_errors
def cancel(_: Context, host: str = "", yes: bool = False) -> None:
    """Stop a run that goes on on a host; what it has begun is taken back where it still can be."""
    from fleet.runs import runs

    runs.cancel(one(hosts_to_change(host)), yes=yes)
