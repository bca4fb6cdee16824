"""What can be said of one variable of the application."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fleet.env.variables.formats import ANY, Format

# `host`: the server itself, for its backups and alerts; no container sees it.
Service = Literal["backend", "postgres", "frontend-build", "host"]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One variable of the application.

    Args:
        name: as the application spells it.
        help: one line for operators: what it is for, and what happens without it.
        format: what a value may look like.
        required: whether a host cannot do without it.
        empty_allowed: a required variable that may be set to nothing.
        secret: never shown.
        exclusive: not secret, and yet a staging host must not have production's: it leads to customers, or to what
            they use.
        default: for a required variable what `inv env.init` writes ({host} is the host's name); for an optional one
            what the application takes when it is not set.
        generate: makes a new secret.
        least: fewest characters of a secret that is worth the name.
        read_by: the services that get it; none: known, and read by no one.
        fixed: the one value with which the stack works; set by the fleet, never asked for.
        taken_from: the variable whose value it gets; set by the fleet.
        why: why it is fixed or taken from another.
        locked: why `inv env.push` must not change it on a host that has one.
        on_change: what a change does to a host that has one.
    """

    name: str
    help: str
    format: Format = ANY
    required: bool = False
    empty_allowed: bool = False
    secret: bool = False
    exclusive: bool = False
    default: str | None = None
    generate: Callable[[], str] | None = None
    least: int = 0
    read_by: tuple[Service, ...] = ("backend",)
    fixed: str | None = None
    taken_from: str | None = None
    why: str = ""
    locked: str = ""
    on_change: str = ""

    @property
    def ours(self) -> bool:
        """Whether the fleet sets it, whatever a file says."""
        return self.fixed is not None or self.taken_from is not None


@dataclass(frozen=True, kw_only=True)
class Family:
    """Variables of which only the beginning of the name is known.

    Args:
        prefix: that beginning.
        help: one line for operators.
        secret: whether a member may be a secret; where none is, a value is shown, and none is too weak.
        read_by: the services that get them.
    """

    prefix: str
    help: str
    secret: bool = True
    read_by: tuple[Service, ...] = ("backend",)


@dataclass(frozen=True)
class Section:
    """Variables that belong together, under one heading."""

    title: str
    variables: tuple[Variable, ...]
    families: tuple[Family, ...] = ()


def hex64() -> str:
    """Return a new key: 64 hexadecimal digits from the system's random source."""
    return secrets.token_hex(32)


def password() -> str:
    """Return a new password of 43 letters, digits, - and _."""
    return secrets.token_urlsafe(32)
