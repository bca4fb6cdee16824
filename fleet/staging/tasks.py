"""`inv staging.refresh`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import report_errors
from fleet.command_line.verb import task


@task(
    help={
        "host": "the staging host whose data are replaced",
        "from_": "the production host whose newest verified set is taken",
        "yes": "do not ask",
    },
)
@report_errors
def refresh(_: Context, host: str = "", from_: str = "", yes: bool = False) -> None:
    """Bring production's data to a staging host, customers made up: scrubbed on the source, tried out, swapped in."""
    from fleet.staging import refresh as data

    data.refresh(host, from_, yes=yes)
