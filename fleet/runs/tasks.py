"""`inv attach`, `inv cancel`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import hosts_to_change, hosts_to_read, only, report_errors
from fleet.command_line.verb import task


@task(help={"host": "a host"})
@report_errors
def attach(_: Context, host: str = "") -> None:
    """Show a run that continues on a host, from its beginning; Ctrl-C leaves it running."""
    from fleet.runs import runs

    runs.attach(only(hosts_to_read(host)))


@task(help={"host": "a host", "yes": "do not ask"})
@report_errors
def cancel(_: Context, host: str = "", yes: bool = False) -> None:
    """Stop a run that continues on a host; what it has begun is undone where that is still possible."""
    from fleet.runs import runs

    runs.cancel(only(hosts_to_change(host)), yes=yes)
