"""What a store of secrets can do, and the messages that all stores share. None of them holds a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fleet.errors import OperatorError

SECONDS = 15.0


@dataclass(frozen=True)
class Stored:
    """What a store has for a host.

    Args:
        values: by name; none when it has no entry yet.
        version: says which state this is; what a write wants to replace.
    """

    values: Mapping[str, str] = field(repr=False)
    version: str


class SecretStore(Protocol):
    """One entry of a store: the secrets of one host."""

    @property
    def place(self) -> str:
        """The store and the entry, as operators read them."""

    @property
    def to_commit(self) -> str:
        """The file to be committed to git after a write; empty: there is none."""

    def read(self) -> Stored:
        """Return what it has; OperatorError when it cannot be asked."""

    def write(self, values: Mapping[str, str], replaces: str) -> None:
        """Replace all values; OperatorError when the version `replaces` is no longer the one that counts."""


def refuse_other_than_text(place: str, values: Mapping[str, object]) -> None:
    """Refuse an entry with a value that cannot be a variable's."""
    if odd := sorted(name for name, value in values.items() if not isinstance(value, str)):
        raise unknown(place, f"Not text: {', '.join(odd)}.")


def sealed(place: str) -> OperatorError:
    """Return the message of a store that runs and cannot decrypt what it holds."""
    return OperatorError(
        f"{place}: the store is sealed.",
        "After each start it waits for its unseal keys; until then it gives nothing out. Hosts are not concerned.",
        "Let those who hold the keys run `bao operator unseal` (or `vault operator unseal`), then try again.",
    )


def refused(place: str, login: str) -> OperatorError:
    """Return the message of a store that does not let this login do what was asked.

    Args:
        login: where the login comes from.
    """
    return OperatorError(
        f"{place}: the store refused.",
        f"The login ({login}) is missing or has expired, or its policy does not allow this.",
        "Log in to the store again; if that does not help, ask its administrator for access to this entry.",
    )


def unreachable(place: str, why: str) -> OperatorError:
    """Return the message of a store that no connection leads to."""
    return OperatorError(
        f"{place}: the store cannot be reached.",
        why,
        "Check the VPN, and the address in `secrets_from` of the inventory.",
    )


def timed_out(place: str, seconds: float) -> OperatorError:
    """Return the message of a store that did not answer."""
    return OperatorError(
        f"{place}: the store did not answer in time.",
        f"{seconds:.0f} s have passed. If this was a write, it may have arrived all the same.",
        "Check the store's own state, then try again.",
    )


def changed(place: str) -> OperatorError:
    """Return the message of an entry that another write has changed since it was read."""
    return OperatorError(
        f"{place}: the entry was changed by someone else meanwhile.",
        "Writing would undo that, so nothing was written.",
        "Run the command again: it reads what is there now.",
    )


def unknown(place: str, why: str) -> OperatorError:
    """Return the message of an answer that is not one of such a store."""
    return OperatorError(
        f"{place}: the store's answer cannot be used.",
        why,
        "Check `secrets_from` of the inventory, and the store's own log.",
    )


def missing_library(place: str, library: str) -> OperatorError:
    """Return the message of a machine that lacks what speaks to the store."""
    return OperatorError(
        f"{place}: {library} is not installed on this machine.",
        "Only who reads this kind of store needs it.",
        f"{library} is pinned in pyproject.toml: .venv/bin/pip install {library}",
    )
