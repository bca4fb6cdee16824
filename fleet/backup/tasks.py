"""`inv backup`, `inv backups`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import finish, hosts_to_change, hosts_to_read, only, remotes, report_errors
from fleet.command_line.verb import HOSTS, task


@task(
    optional=["download"],
    help={
        "host": f"{HOSTS}; one after the other",
        "download": "take none, and download one: its name (see inv backups), or the newest",
        "to": "with --download: the folder on this machine; default: the current one",
    },
)
@report_errors
def backup(_: Context, host: str = "", download: str | None = None, to: str = "") -> None:
    """Take a backup set: database and written files, checked; or download one."""
    from pathlib import Path

    from fleet.backup import sets
    from fleet.errors import OperatorError
    from fleet.output import say

    if download is None:
        if to:
            raise OperatorError("--to belongs to --download.", "Sets are made on the host.", "Leave it out.")
        for remote in remotes(hosts_to_change(host)):
            sets.make(remote)
        return
    name = download if isinstance(download, str) else ""
    path = sets.download(only(hosts_to_read(host)), name, Path(to or "."))
    say(f"It is in {path} (mode 600; not encrypted). inv restore takes it.", "green")


@task(help={"host": HOSTS, "json": "print JSON"})
@report_errors
def backups(_: Context, host: str = "", json: bool = False) -> None:
    """Show the backup sets of hosts: age, size, release, verified or not, off-site or not."""
    from fleet.backup import sets

    if code := sets.show(remotes(hosts_to_read(host)), as_json=json):
        finish(code)
