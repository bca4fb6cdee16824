"""Where ssh_config leads to a host."""

from __future__ import annotations

from fleet.errors import OperatorError
from fleet.ssh import ssh_config


def public_address(name: str) -> str | None:
    """Return the IPv4 address at which ssh_config leads to the host called `name`, if it says one."""
    from fleet.env.variables.formats import ipv4

    try:
        address = ssh_config.route(name, "").address
    except OperatorError:
        return None
    return address if ipv4(address) else None
