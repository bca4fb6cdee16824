"""`inv github.workflow`, `inv github.known-hosts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.cli import hosts_to_read, remotes, report_errors
from fleet.command_line.verb import task

if TYPE_CHECKING:
    from invoke.context import Context


@task(
    help={"service": "backend or frontend", "fleet": "this repository on GitHub, owner/name; default: that of origin"}
)
@report_errors
def workflow(_: Context, service: str = "", fleet: str = "") -> None:
    """Print the workflow of an application's repository: it calls this repository's, at the commit checked out here."""
    from fleet.ci import workflow as caller

    print(caller.text(service, fleet), end="")


@task(name="known-hosts", help={"host": "a host, several with commas, a group, or all"})
@report_errors
def known_hosts(_: Context, host: str = "all") -> None:
    """Write down for CI where the hosts are and which keys they have, of those that you trust already."""
    from fleet.ci import ways

    ways.write(remotes(hosts_to_read(host)))
