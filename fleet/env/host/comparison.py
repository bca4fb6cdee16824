"""The difference between what a host has and what it would get, fit to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fleet.env.host.rendering import Environments
from fleet.env.variables.table import declared

MASK = "••••"
Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Change:
    """One variable of one service that would change. `before` and `after` are masked where they are secret."""

    service: str
    name: str
    kind: Kind
    secret: bool
    before: str | None
    after: str | None

    @property
    def line(self) -> str:
        """The change in one line."""
        sign = {"added": "+", "removed": "-", "changed": "~"}[self.kind]
        place = "" if self.service == "backend" else f"  [{self.service}]"
        if self.secret:
            return f"{sign} {self.name}  {MASK} ({self.kind}){place}"
        shown = [value for value in (self.before, self.after) if value is not None]
        return f"{sign} {self.name}  {' → '.join(shown)}{place}"

    @property
    def as_json(self) -> dict[str, Any]:
        """The change for programs."""
        return asdict(self)


def shown(name: str, value: str) -> str:
    """Return a value as it may be shown; a URL with a password in it counts as secret."""
    if declared(name).secret or carries_password(value):
        return MASK
    return value or "(empty)"


def carries_password(value: str) -> bool:
    """Return whether a value is a URL with a login in it."""
    _, separator, rest = value.partition("://")
    return bool(separator) and "@" in rest.partition("/")[0]


def changes(host: Environments | None, ours: Environments) -> list[Change]:
    """Return what a push would change, sorted by name.

    Args:
        host: what the host has; None when it has none yet.
        ours: what it would get.
    """
    before, after = _flat(host or {}), _flat(ours)
    changed = [_change(key, before.get(key), after.get(key)) for key in before.keys() | after.keys()]
    return sorted((change for change in changed if change), key=lambda change: (change.name, change.service))


def _flat(environments: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], str]:
    return {(service, name): value for service, names in environments.items() for name, value in names.items()}


def _change(key: tuple[str, str], before: str | None, after: str | None) -> Change | None:
    if before == after:
        return None
    service, name = key
    kind: Kind = "added" if before is None else "removed" if after is None else "changed"
    secret = declared(name).secret or any(carries_password(value) for value in (before, after) if value is not None)
    masked = [None if value is None else MASK if secret else shown(name, value) for value in (before, after)]
    return Change(service, name, kind, secret, *masked)
