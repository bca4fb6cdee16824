"""`inv status`, `inv config`, `inv logs`, `inv csp`, `inv doctor`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import finish, hosts_to_read, remotes, report_errors
from fleet.command_line.verb import HOSTS, task


@task(
    help={
        "host": f"{HOSTS}; default: all",
        "json": "print JSON",
        "drift": "compare them with what is declared (10 to 50 s); without it: what the last comparison said",
    }
)
@report_errors
def status(_: Context, host: str = "all", json: bool = False, drift: bool = False) -> None:
    """Show the state of hosts: release, health, certificate, disk, backup, lock, drift; exit code 1: not well."""
    from fleet.status import status as look

    if not look.show(remotes(hosts_to_read(host)), as_json=json, asks_drift=drift):
        finish(1)


@task(help={"host": HOSTS, "json": "print JSON"})
@report_errors
def config(_: Context, host: str = "", json: bool = False) -> None:
    """Show the settings of a host after precedence: inventory.py, its groups, group_data/all.py."""
    from fleet.inventory import show

    show.show(hosts_to_read(host), as_json=json)


@task(
    positional=["services"],
    help={
        "services": "several with commas: backend, frontend, nginx, postgres; or all",
        "host": HOSTS,
        "follow": "continue until Ctrl-C",
        "since": "only lines younger than this: 10m, 2h, 2026-11-23T03:00:00",
        "tail": "lines of each service, or all; default: 100, and all with --grep",
        "grep": "only lines that match this regular expression",
        "json": "print a JSON object a line",
    },
)
@report_errors
def logs(
    _: Context,
    services: str,
    host: str = "",
    follow: bool = False,
    since: str = "",
    tail: str = "",
    grep: str = "",
    json: bool = False,
) -> None:
    """Show the text logs of services: `inv logs backend -f`, `inv logs backend,nginx --host=all --since=10m`."""
    from fleet.status import logs as look

    hosts = remotes(hosts_to_read(host))
    extra = [name for remote in hosts for name in remote.settings.extra_services]
    chosen = look.known([] if services == "all" else services.split(","), extra)
    if code := look.show(hosts, chosen, follow=follow, since=since, tail=tail, grep=grep, as_json=json):
        finish(code)


@task(
    help={
        "host": HOSTS,
        "since": "only reports younger than this: 10m, 2h, 3d, 2026-11-23T03:00:00",
        "json": "print JSON",
    }
)
@report_errors
def csp(_: Context, host: str = "", since: str = "", json: bool = False) -> None:
    """Show what the Content-Security-Policy on trial (csp_report_only) would block, as browsers report it."""
    from fleet.status import csp as look

    if code := look.show(remotes(hosts_to_read(host)), since, as_json=json):
        finish(code)


@task(help={"host": f"{HOSTS}; default: all", "json": "print JSON"})
@report_errors
def doctor(_: Context, host: str = "all", json: bool = False) -> None:
    """Say why something does not work: this machine, its keys and files, and the way to each host."""
    from fleet.status import doctor as look

    if not look.examine(remotes(hosts_to_read(host)), as_json=json):
        finish(1)
