"""The first administrator: a new account, or an existing one that gets the role; and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.cli import agreed
from fleet.commands import accounts
from fleet.env.variables.formats import EMAIL
from fleet.errors import FailedError, OperatorError
from fleet.output import say
from fleet.users import state
from fleet.users.state import SECONDS, State

if TYPE_CHECKING:
    from fleet.remote import Remote


def appoint(host: Remote, email: str, *, another: bool, yes: bool) -> None:
    """Make an account an administrator's; a new one when no one has signed up with this address.

    Args:
        email: whose; empty: ADMIN_EMAIL's.
        another: whether there may be an administrator already.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: there is an administrator already, or nothing to make one of.
        FailedError: the database refused.
    """
    account = _read(host, email)
    if account.email in account.administrators and account.prices:
        say(f"{host.name}: {account.email} is an administrator already.", "green")
        return
    if not another and set(account.administrators) - {account.email}:
        raise OperatorError(
            f"{host.name} has an administrator already: {', '.join(account.administrators)}.",
            "An administrator can make others in the web interface.",
            f"inv user.admin --host={host.name} --email={account.email} --another",
        )
    if accounts.ADMINISTRATOR not in account.roles:
        raise OperatorError(
            f"{host.name}: the application knows no role {accounts.ADMINISTRATOR}.",
            "The backend makes its roles whenever it starts and the database answers at once.",
            f"inv exec backend --host={host.name} -- kill 1",
        )
    what = (
        f"make {account.email} an administrator"
        if account.account
        else f"make an account for {account.email}, administrator"
    )
    say(f"{host.name}: {what}.", "bold")
    say(f"  There is no password: the application mails a code to {account.email} at each login.")
    if not account.mails:
        say(f"  Not yet: without {', '.join(state.MAIL)} in the env file it sends no mail.", "yellow")
    if agreed(f"{what} on {host.name}", yes=yes):
        currency = "RUB" if account.variables.get("TENANT_CURRENCY", "").upper() == "RUB" else "USD"
        _run(host, account, accounts.grant(account.email, currency))
        say(f"{host.name}: {account.email} is an administrator. Users who are logged in must log in again.", "green")


def dismiss(host: Remote, email: str, *, yes: bool) -> None:
    """Take the administrator's role from an account, which stays.

    Args:
        email: whose; empty: ADMIN_EMAIL's.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it is not an administrator's.
        FailedError: the database refused.
    """
    account = _read(host, email)
    if account.email not in account.administrators:
        raise OperatorError(
            f"{host.name}: {account.email} is not an administrator.",
            f"Administrators: {', '.join(account.administrators) or 'none'}.",
            "Add --email=… of one of them.",
        )
    say(f"{host.name}: {account.email} is no longer an administrator; the account stays.", "bold")
    say(
        "  A login lasts for up to 14 days and keeps the role until it ends: a new PRIVATE_KEY ends all logins at once."
    )
    if agreed(f"take the role from {account.email} on {host.name}", yes=yes):
        _run(host, account, accounts.revoke(account.email))


def _read(host: Remote, email: str) -> State:
    account = state.read(host, email)
    if not EMAIL.fullmatch(account.email):
        raise OperatorError(
            f"{account.email!r} is not an e-mail address.",
            "Administrators are identified by e-mail address." if email else "ADMIN_EMAIL in the env file has none.",
            f"inv user.admin --host={host.name} --email=you@example.com",
        )
    return account


def _run(host: Remote, account: State, sql: str) -> None:
    command = state.psql(host, account.variables, read_only=False)
    result = host.run(command, seconds=SECONDS, stdin=sql.encode())
    if result.code != 0:
        raise FailedError(
            f"{host.name}: the database refused.",
            result.last_words,
            "Nothing was changed. Does this version of the application have other tables? "
            f"inv db --host={host.name} shows them.",
        )
