"""`inv start`, `inv stop`, `inv restart`, `inv images`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from fleet.cli import change_each, finish, hosts_to_change, hosts_to_read, remotes, report_errors
from fleet.command_line.verb import HOSTS, task

if TYPE_CHECKING:
    from fleet.remote import Remote
    from fleet.services.services import Action

HELP = {
    "services": "backend, frontend, nginx, postgres, several with commas; may stand alone; default: all",
    "host": HOSTS,
    "yes": "do not ask",
}


@task(help=dict(HELP))
@report_errors
def start(_: Context, services: str = "", host: str = "", yes: bool = False) -> None:
    """Start services that are down, wait until they are healthy, and ask the public name: `inv start backend`."""
    _act("start", services, host, yes=yes)


@task(help=dict(HELP))
@report_errors
def stop(_: Context, services: str = "", host: str = "", yes: bool = False) -> None:
    """Stop services until `inv start` or the next deploy; a reboot starts only the database."""
    _act("stop", services, host, yes=yes)


@task(help=dict(HELP))
@report_errors
def restart(_: Context, services: str = "", host: str = "", yes: bool = False) -> None:
    """Restart services as they are, with a deploy's checks; new variables come with `inv deploy`."""
    _act("restart", services, host, yes=yes)


@task(
    help={
        "host": HELP["host"],
        "update": "take the newest image of this service's pin: nginx, postgres, or one of extra_services",
        "json": "print JSON",
        "yes": HELP["yes"],
    }
)
@report_errors
def images(_: Context, host: str = "", update: str = "", json: bool = False, yes: bool = False) -> None:
    """Show which images of others run and which are newer in the registry; `inv images --update=nginx` takes one."""
    from fleet.services import images as look
    from fleet.status.logs import known

    if not update:
        finish(look.show(remotes(hosts_to_read(host)), as_json=json))

    def change(remote: Remote) -> None:
        known([update], remote.settings.extra_services)
        look.update(remote, update, yes=yes)

    change_each(remotes(hosts_to_change(host)), change)


def _act(action: Action, services: str, host: str, *, yes: bool) -> None:
    from fleet.services import services as acting
    from fleet.status.logs import known

    def change(remote: Remote) -> None:
        chosen = known([name for name in services.split(",") if name], remote.settings.extra_services)
        acting.act(remote, action, chosen, yes=yes)

    change_each(remotes(hosts_to_change(host)), change)
