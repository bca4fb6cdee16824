"""`inv deploy`, `inv rollback`, `inv releases`, `inv unlock`."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from fleet.cli import hosts_to_change, hosts_to_read, one, remotes, told


@task(
    iterable=["sha"],
    help={
        "host": "a host, several with commas, a group, or all; one after the other",
        "sha": "a commit (4 digits or more), of the backend or of the frontend; may be given once for each",
        "service": "backend or frontend: only that one changes",
        "yes": "do not ask",
    },
)
@told
def deploy(_: Context, host: str = "", sha: list[str] | None = None, service: str = "", yes: bool = False) -> None:
    """Bring a release to a host: the head of the branch, or --sha; goes back by itself when it does not work."""
    from fleet.deploy import run
    from fleet.errors import OperatorError
    from fleet.releases import SERVICES

    if service and service not in SERVICES:
        raise OperatorError(
            f"There is no service {service!r} to deploy.",
            "A release is a pair: backend and frontend.",
            f"--service={' or --service='.join(SERVICES)}",
        )
    for remote in remotes(hosts_to_change(host)):
        run.deploy(remote, sha or [], service, yes=yes)


@task(
    help={
        "host": "a host, several with commas, a group, or all; one after the other",
        "to": "a SHA of the release to go back to (see inv releases); default: the one before",
        "yes": "do not ask",
    },
)
@told
def rollback(_: Context, host: str = "", to: str = "", yes: bool = False) -> None:
    """Go back to an earlier release, whose images are still on the host."""
    from fleet.deploy import run

    for remote in remotes(hosts_to_change(host)):
        run.rollback(remote, to, yes=yes)


@task(name="releases", help={"host": "a host, several with commas, a group, or all", "json": "print JSON"})
@told
def releases_(_: Context, host: str = "", json: bool = False) -> None:
    """Show the ledger: what ran on a host, since when, who brought it."""
    from fleet.deploy import ledger

    ledger.show(remotes(hosts_to_read(host)), as_json=json)


@task(help={"host": "a host", "yes": "do not ask"})
@told
def unlock(_: Context, host: str = "", yes: bool = False) -> None:
    """Break a deploy lock whose owner is certainly gone; says whose it is first."""
    from fleet.deploy import ledger

    ledger.unlock(one(hosts_to_change(host)), yes=yes)


@task(
    positional=["state"],
    help={"state": "on or off", "host": "a host, several with commas, a group, or all", "yes": "do not ask"},
)
@told
def maintenance(_: Context, state: str, host: str = "", yes: bool = False) -> None:
    """Show the maintenance page instead of the application, or stop showing it; calls go on either way."""
    from fleet.deploy import maintenance as page

    for remote in remotes(hosts_to_change(host)):
        page.turn(remote, state, yes=yes)
