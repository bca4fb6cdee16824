"""Customers' data do not come to a staging host: said before anything travels. The host holds it as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.errors import OperatorError
from fleet.inventory import hosts

if TYPE_CHECKING:
    from fleet.remote import Remote


def refuse(remote: Remote, what: str, origin: str, *, scrubbed: bool = False) -> None:
    """Refuse to bring customers' data to a staging host, also for inspection: nothing there protects them.

    Args:
        what: the data, as the operator knows them.
        origin: the host where they were taken; empty: no one knows.
        scrubbed: whether customers in them are made up (inv staging.refresh).

    Raises:
        OperatorError: it is a staging host, and they are customers'.
    """
    if scrubbed or not remote.settings.staging or any(host.staging for host in hosts.load() if host.name == origin):
        return
    where = f"on {origin}, which is not staging" if origin else "no one knows where"
    raise OperatorError(
        f"{remote.name} is a staging host: {what} is not brought there.",
        f"It was taken {where}: names, mail addresses, calls and keys of customers would be on it in clear.",
        f"inv staging.refresh --host={remote.name} --from=<a production host> brings scrubbed data.",
    )
