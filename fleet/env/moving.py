"""Secrets move between a host's env file and its store: written, read back, compared, and only then removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fleet.env import findings
from fleet.env.dotenv import dotenv_file, files, replacing
from fleet.env.secret_store import merging, opening
from fleet.env.variables.table import declared
from fleet.errors import FailedError, OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fleet.env.dotenv.files import HostFile
    from fleet.env.secret_store.protocol import SecretStore
    from fleet.inventory.secret_sources import SecretSource

AGE = "age"


class Move(Protocol):
    """A move that may be made."""

    @property
    def lines(self) -> list[str]:
        """What it does, for operators; none: there is nothing to move."""

    @property
    def next(self) -> str:
        """What remains for the operator."""

    def write(self) -> None:
        """Write the secrets where they belong."""

    def compare(self) -> None:
        """Read them back and compare; OperatorError when they differ."""

    def remove(self) -> None:
        """Remove them from where they were."""


@dataclass(frozen=True)
class ToStore:
    """From the env file into the store.

    Args:
        file: with the secrets that the store has already.
        names: the secrets in the file.
    """

    file: HostFile
    store: SecretStore
    names: list[str]

    @property
    def lines(self) -> list[str]:
        """What it does."""
        path = files.shown(self.file.path)
        return [f"{', '.join(self.names)}", f"from {path}, into {self.store.place}"] if self.names else []

    @property
    def next(self) -> str:
        """What remains."""
        changed = [files.shown(self.file.path) * self.file.sealed, self.store.to_commit]
        commit = f"git add {' '.join(filter(None, changed))}, then " * any(changed)
        return f"{commit}inv env.diff --host={self.file.host}"

    @property
    def _left(self) -> bytes:
        return replacing.without(self.file.content, self.names)

    def write(self) -> None:
        """Add the file's secrets to what the store has."""
        values = dotenv_file.read(self.file.content).values
        wanted = {**self.file.stored, **{name: values[name] for name in self.names}}
        if wanted != self.file.stored:
            self.store.write(wanted, self.file.version)

    def compare(self) -> None:
        """Read what is left of the file and the store together."""
        after = {**dotenv_file.read(self._left).values, **self.store.read().values}
        _compare(self.store.place, self.file.values(), after)

    def remove(self) -> None:
        """Comment their lines out, without the values."""
        _refuse_changed(self.file)
        files.save(self.file.path, self._left)


@dataclass(frozen=True)
class ToAge:
    """From the store, and from a file in clear, into the encrypted env file.

    Args:
        file: with the secrets of the store.
        store: None: the file has them all.
        target: the encrypted file.
    """

    file: HostFile
    store: SecretStore | None
    target: Path

    @property
    def lines(self) -> list[str]:
        """What it does."""
        encrypts = not self.file.sealed
        moved = [name for name in self.file.stored or self.file.values() if declared(name).secret]
        origin = self.store.place if self.store else files.shown(self.file.path)
        return [", ".join(moved), f"from {origin}, into {files.shown(self.target)}"] if self.store or encrypts else []

    @property
    def next(self) -> str:
        """What remains."""
        data = "take `secrets_from` of this host out of the inventory, then " * (self.store is not None)
        return f"{data}git add {files.shown(self.target)}"

    def write(self) -> None:
        """Encrypt the file with the store's secrets in it."""
        _refuse_changed(self.file)
        files.save(self.target, replacing.with_values(self.file.content, self.file.stored))

    def compare(self) -> None:
        """Decrypt what was written."""
        _compare(files.shown(self.target), self.file.values(), files.read(self.file.host, self.target).values())

    def remove(self) -> None:
        """Empty the store's entry, whose earlier versions remain there, and delete the file in clear."""
        if not self.file.sealed:
            self.file.path.unlink()
        if self.store:
            self.store.write({}, self.file.version)


def plan(host: str, source: SecretSource, to: str) -> Move:
    """Compare the env file of the host called `host` with its store.

    Args:
        source: the store that the host's data name.
        to: a kind of store, or `age`.

    Raises:
        OperatorError: one of them cannot be read, has errors, or contradicts the other.
    """
    if to == AGE:
        file = merging.load(host, source)
        file.values()
        return ToAge(file, opening.store(host, source) if source else None, files.paths(host)[1])
    if source is None or source.kind != to:
        raise OperatorError(
            f"The inventory does not name a store of the kind {to!r} for {host}.",
            f"--to takes {AGE}, or the kind in `secrets_from`: {source.kind if source else 'none there'}.",
            "Set `secrets_from` in the inventory first (docs/secrets.md).",
        )
    store = opening.store(host, source)
    file = merging.join(files.load(host), store)
    findings.checked(file)
    return ToStore(file, store, [name for name in dotenv_file.read(file.content).values if declared(name).secret])


def carry_out(host: str, move: Move) -> None:
    """Make a move.

    Raises:
        OperatorError: nothing was written.
        FailedError: they were written, and not removed from where they were.
    """
    move.write()
    try:
        move.compare()
        move.remove()
    except OperatorError as problem:
        raise FailedError(
            f"{host}: the secrets may be in both places now: {problem.what}",
            problem.why,
            f"{problem.do} Then run the command again: it continues from here.",
        ) from None


def keep_apart(host: str, source: SecretSource, content: bytes) -> bytes:
    """Return a new env file without the secrets that belong in its host's store, which has them by then.

    Args:
        source: that store; None: the file keeps them.
        content: the new file, with secrets that were made for it. The store's own win; what must be filled in stays.

    Raises:
        OperatorError: the store cannot be read or written; nothing was changed.
    """
    if source is None:
        return content
    store = opening.store(host, source)
    stored = store.read()
    generated = {name: value for name, value in dotenv_file.read(content).values.items() if declared(name).generate}
    values = {**generated, **stored.values}
    if values != stored.values:
        store.write(values, stored.version)
    return replacing.without(content, values)


def _compare(place: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    if names := sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)):
        raise OperatorError(
            f"{place}: what was read back differs from what was written: {', '.join(names)}.",
            "Someone else may have written there meanwhile.",
            "Check both places.",
        )


def _refuse_changed(file: HostFile) -> None:
    if files.load(file.host).content != file.content:
        raise OperatorError(
            f"{files.shown(file.path)} was changed by someone else meanwhile.",
            "Writing would undo that.",
            "Check it.",
        )
