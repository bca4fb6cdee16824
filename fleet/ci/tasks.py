"""`inv github.workflow`, `inv github.known-hosts`, `inv github.push`, `inv github.status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.cli import agreed, finish, hosts_to_read, named_hosts, remotes, report_errors
from fleet.command_line.verb import HOSTS, task
from fleet.errors import OperatorError

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


@task(name="known-hosts", help={"host": HOSTS})
@report_errors
def known_hosts(_: Context, host: str = "all") -> None:
    """Write down for CI where the hosts are and which keys they have, of those that you trust already."""
    from fleet.ci import known_hosts

    known_hosts.write(remotes(hosts_to_read(host)))


@task(
    help={
        "host": HOSTS,
        "key": "file of CI's private key; - reads it from standard input",
        "alerts-from": "a host: its addresses for alerts become secrets of the repositories",
        "yes": "do not ask",
    }
)
@report_errors
def push(_: Context, host: str = "", key: str = "", alerts_from: str = "", yes: bool = False) -> None:
    """Create the GitHub environments of hosts in the application's repositories, and set their secrets."""
    from fleet.ci.github import api, survey, values
    from fleet.ci.github import push as pushing
    from fleet.inventory.hosts import load, select

    hosts = named_hosts(host)
    if not key and not alerts_from:
        raise OperatorError(
            "No secret is named.", "Neither a key nor a host with addresses for alerts was given.", "Add --key=ci"
        )
    private = values.private_key(key) if key else ""
    alerts = values.alerts(select(alerts_from, load())) if alerts_from else {}
    github = api.of_environment()
    surveyed = survey.read(github, remotes(hosts))
    pushing.show(surveyed, private, alerts)
    if not agreed("Write this to GitHub", yes=yes):
        print("Nothing was changed.")
        finish(1)
    pushing.push(github, surveyed, private, alerts)


@task(help={"host": f"{HOSTS}; default: all", "json": "print JSON"})
@report_errors
def status(_: Context, host: str = "all", json: bool = False) -> None:
    """Show what differs between the inventory and GitHub: environments, their keys' ages; exit code 1: something."""
    from fleet.ci.github import api, differences, survey
    from fleet.inventory.hosts import load
    from fleet.release.rollout import targets

    github = api.of_environment()
    names = {targets.environment(remote) for remote in remotes(load())}
    surveyed = survey.read(github, remotes(hosts_to_read(host)), names)
    if not differences.show(surveyed, differences.keys_changed(), as_json=json):
        finish(1)
