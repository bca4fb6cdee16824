"""`inv config`: the settings of a host after precedence, as every verb and pyinfra read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fleet.inventory import settings
from fleet.inventory.hosts import defaults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.inventory.hosts import Host


def show(hosts: Sequence[Host], *, as_json: bool) -> None:
    """Print the settings of hosts; what differs from group_data/all.py is marked, and comes first.

    Args:
        as_json: for a script.

    Raises:
        OperatorError: a host's data are malformed.
    """
    by_host = {host.name: settings.of_host(host.name, host.data).model_dump(mode="json") for host in hosts}
    if as_json:
        print(json.dumps(by_host, indent=2, ensure_ascii=False))
        return
    for host in hosts:
        print("\n".join(lines(host, by_host[host.name])))


def lines(host: Host, values: dict[str, Any]) -> list[str]:
    """Return the settings of a host, a line each.

    Args:
        host: it.
        values: its settings.
    """
    common = defaults()
    own = [name for name in values if name not in common or host.data.get(name) != common[name]]
    rest = [name for name in values if name not in own]
    shown = [f"  {name} = {values[name]!r}" for name in own]
    return [
        f"{host.name} ({', '.join(host.groups)}), its own:",
        *shown,
        f"{host.name}, as group_data/all.py says:",
        *(f"  {name} = {values[name]!r}" for name in rest),
    ]
