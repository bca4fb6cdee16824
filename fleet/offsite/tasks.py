"""`inv offsite.key`, `inv offsite.init`, `inv offsite.check`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import hosts_to_change, hosts_to_read, remotes, report_errors
from fleet.command_line.verb import HOSTS, task


@task
@report_errors
def key(_: Context) -> None:
    """Make the key pair of off-site copies; the private half stays on this machine, and is never shown."""
    from fleet.offsite import key as offsite_key

    print(offsite_key.advice(*offsite_key.make()))


@task(help={"host": HOSTS})
@report_errors
def init(_: Context, host: str = "") -> None:
    """Let a host use its off-site store: keys exchanged, a file put there, read back, and not deleted."""
    from fleet.offsite import copies

    for remote in remotes(hosts_to_change(host)):
        copies.init(remote)


@task(
    help={
        "host": HOSTS,
        "name": "the set; default: the newest copy",
        "json": "print JSON",
    }
)
@report_errors
def check(_: Context, host: str = "", name: str = "", json: bool = False) -> None:
    """Prove an off-site copy: download it, open it with your key, compare every file; nothing is retained."""
    from fleet import answers
    from fleet.offsite import copies

    answers.report(
        answers.in_turn(remotes(hosts_to_read(host)), lambda remote: copies.check(remote, name)), as_json=json
    )
