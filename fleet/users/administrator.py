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
    found = _read(host, email)
    if found.email in found.administrators and found.prices:
        say(f"{host.name}: {found.email} is an administrator already.", "green")
        return
    if not another and set(found.administrators) - {found.email}:
        raise OperatorError(
            f"{host.name} has an administrator already: {', '.join(found.administrators)}.",
            "An administrator can make others in the web interface.",
            f"inv user.admin --host={host.name} --email={found.email} --another",
        )
    if accounts.ADMINISTRATOR not in found.roles:
        raise OperatorError(
            f"{host.name}: the application knows no role {accounts.ADMINISTRATOR}.",
            "The backend makes its roles whenever it starts and the database answers at once.",
            f"inv exec backend --host={host.name} -- kill 1",
        )
    what = (
        f"make {found.email} an administrator" if found.account else f"make an account for {found.email}, administrator"
    )
    say(f"{host.name}: {what}.", "bold")
    say(f"  There is no password: the application mails a code to {found.email} at each login.")
    if not found.mails:
        say(f"  Not yet: without {', '.join(state.MAIL)} in the env file it sends no mail.", "yellow")
    if agreed(f"{what} on {host.name}", yes=yes):
        currency = "RUB" if found.variables.get("TENANT_CURRENCY", "").upper() == "RUB" else "USD"
        _run(host, found, accounts.grant(found.email, currency))
        say(f"{host.name}: {found.email} is an administrator. Users who are logged in must log in again.", "green")


def dismiss(host: Remote, email: str, *, yes: bool) -> None:
    """Take the administrator's role from an account, which stays.

    Args:
        email: whose; empty: ADMIN_EMAIL's.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it is not an administrator's.
        FailedError: the database refused.
    """
    found = _read(host, email)
    if found.email not in found.administrators:
        raise OperatorError(
            f"{host.name}: {found.email} is not an administrator.",
            f"Administrators: {', '.join(found.administrators) or 'none'}.",
            "Add --email=… of one of them.",
        )
    say(f"{host.name}: {found.email} is no longer an administrator; the account stays.", "bold")
    say(
        "  A login lasts for up to 14 days and keeps the role until it ends: a new PRIVATE_KEY ends all logins at once."
    )
    if agreed(f"take the role from {found.email} on {host.name}", yes=yes):
        _run(host, found, accounts.revoke(found.email))


def _read(host: Remote, email: str) -> State:
    found = state.read(host, email)
    if not EMAIL.fullmatch(found.email):
        raise OperatorError(
            f"{found.email!r} is not an e-mail address.",
            "Administrators are identified by e-mail address." if email else "ADMIN_EMAIL in the env file has none.",
            f"inv user.admin --host={host.name} --email=you@example.com",
        )
    return found


def _run(host: Remote, found: State, sql: str) -> None:
    command = state.psql(host, found.variables, read_only=False)
    result = host.run(command, seconds=SECONDS, stdin=sql.encode())
    if result.code != 0:
        raise FailedError(
            f"{host.name}: the database refused.",
            result.last_words,
            "Nothing was changed. Does this version of the application have other tables? "
            f"inv db --host={host.name} shows them.",
        )
