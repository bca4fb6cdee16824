"""`inv user.admin`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import hosts_to_change, only, report_errors
from fleet.command_line.verb import task


@task(
    help={
        "host": "a host",
        "email": "of the account; default: ADMIN_EMAIL of the env file",
        "another": "there may be an administrator already",
        "revoke": "take the role away; the account stays",
        "yes": "do not ask",
    }
)
@report_errors
def admin(
    _: Context, host: str = "", email: str = "", another: bool = False, revoke: bool = False, yes: bool = False
) -> None:
    """Make an account of the application an administrator's: one that has signed up, or a new one."""
    from fleet.users import administrator

    remote = only(hosts_to_change(host))
    if revoke:
        administrator.dismiss(remote, email, yes=yes)
    else:
        administrator.appoint(remote, email, another=another, yes=yes)
