"""The one inventory, read without pyinfra: hosts, groups, and the data that apply to each.

pyinfra's own loader cannot be imported beside Fabric (it brings gevent, which replaces the threads that Fabric
needs), so this reads the same two places by the same precedence; tests/unit/inventory/test_hosts.py holds it to what
`pyinfra inventory.py debug-inventory` says.
"""

from __future__ import annotations

import difflib
import runpy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from fleet.checkout import ROOT
from fleet.errors import OperatorError


@dataclass(frozen=True)
class Host:
    """A host of the inventory: its name, the groups that hold it, and its data after precedence."""

    name: str
    groups: tuple[str, ...]
    data: dict[str, Any]

    @property
    def staging(self) -> bool:
        """Whether releases are tried out here (group_data/staging.py): it is meant only where it is named."""
        return bool(self.data.get("staging"))


def _public(path: Path) -> dict[str, Any]:
    try:
        names = runpy.run_path(str(path))
    except Exception as problem:  # noqa: BLE001 - whatever its author wrote
        raise OperatorError(
            f"{path.name} cannot be read.", f"{type(problem).__name__}: {problem}", f"Correct {path}."
        ) from None
    return {
        name: value for name, value in names.items() if not name.startswith("__") and not isinstance(value, ModuleType)
    }


def defaults() -> dict[str, Any]:
    """Return what group_data/all.py says for every host."""
    return _public(ROOT / "group_data" / "all.py")


def load(root: Path = ROOT) -> list[Host]:
    """Read inventory.py and group_data/*.py below `root`.

    Returns: the hosts in the inventory's order. Precedence as in pyinfra: host, then the group that stands later in
    the inventory, then group_data/all.py.

    Raises:
        OperatorError: a file is no Python, or there is no host.
    """
    groups: dict[str, list[tuple[str, dict[str, Any]]]] = {
        name: [entry if isinstance(entry, tuple) else (entry, {}) for entry in value]
        for name, value in _public(root / "inventory.py").items()
        if isinstance(value, list) and not name.startswith("_")
    }
    group_data = {path.stem: _public(path) for path in sorted((root / "group_data").glob("*.py"))}
    hosts: dict[str, Host] = {}
    for members in groups.values():
        for name, _ in members:
            of_host = tuple(group for group, entries in groups.items() if name in dict(entries))
            data = dict(group_data.get("all", {}))
            for group in of_host:
                data |= group_data.get(group, {})
            for entries in groups.values():
                data |= dict(entries).get(name, {})
            hosts[name] = Host(name, of_host, data)
    if not hosts:
        raise OperatorError(
            "inventory.py names no host.",
            "Its groups are lists of hosts, and there is none in them.",
            f"Add one to {root / 'inventory.py'}, as the README shows.",
        )
    return list(hosts.values())


def production(hosts: list[Host]) -> list[Host]:
    """Return the hosts that customers use: what `all` means, and what numbers count."""
    return [host for host in hosts if not host.staging]


def default(hosts: list[Host]) -> Host:
    """Return the host that a verb which only reads takes when none is named: the first of production.

    Raises:
        OperatorError: there is none.
    """
    return select("all", hosts)[0]


def select(pattern: str, hosts: list[Host]) -> list[Host]:
    """Return the hosts that `pattern` means: a name, a group, or `all` of production; several with commas.

    Raises:
        OperatorError: a part of the pattern names neither a host nor a group.
    """
    chosen: dict[str, Host] = {}
    groups = sorted({group for host in hosts for group in host.groups})
    for part in (word.strip() for word in pattern.split(",")):
        matching = production(hosts) if part == "all" else [host for host in hosts if part in (host.name, *host.groups)]
        if part == "all" and not matching:
            raise OperatorError(
                "The inventory has no production host.",
                "`all` and defaults mean production; a staging host must be named.",
                f"Add --host=<one of {', '.join(host.name for host in hosts)}>.",
            )
        if not matching:
            known = [host.name for host in hosts] + groups + ["all"]
            close = difflib.get_close_matches(part, known, n=1)
            raise OperatorError(
                f"No host and no group is called {part!r}.",
                f"The inventory knows {', '.join(known)}.",
                f"Did you mean {close[0]!r}?" if close else "Choose one of these.",
            )
        chosen |= {host.name: host for host in matching}
    return list(chosen.values())
