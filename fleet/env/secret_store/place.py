"""Where a secret of a host stands, in its env file or in its store, and how it gets another value there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.env.dotenv import dotenv_file, files
from fleet.env.dotenv.replacing import with_value
from fleet.env.secret_store import opening
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from fleet.env.dotenv.files import HostFile
    from fleet.env.secret_store.protocol import SecretStore
    from fleet.inventory.secret_sources import SecretSource


@dataclass(frozen=True)
class Place:
    """Where one secret stands.

    Args:
        file: as it was read, with the secrets of its store.
        store: what has this secret; None: the file.
        name: of the secret.
    """

    file: HostFile
    store: SecretStore | None
    name: str

    @property
    def shown(self) -> str:
        """The place as operators read it."""
        return self.store.place if self.store else files.shown(self.file.path)

    @property
    def to_commit(self) -> str:
        """The file to be committed after a change; empty: none."""
        if self.store:
            return self.store.to_commit
        return files.shown(self.file.path) if self.file.sealed else ""

    def put(self, value: str) -> None:
        """Give the secret another value.

        Raises:
            OperatorError: it could not be written, or someone else has written there since it was read.
        """
        if self.store:
            self.store.write({**self.file.stored, self.name: value}, self.file.version)
        else:
            files.save(self.file.path, with_value(self.file.content, self.name, value))

    def take_back(self, value: str) -> None:
        """Put back what was there before, unless someone else has given it another value since.

        Args:
            value: what was put, or may have been.

        Raises:
            OperatorError: the place cannot be read or written.
        """
        if not self.store:
            files.save(self.file.path, self.file.content)
            return
        now = self.store.read()
        if now.values.get(self.name) == value:
            self.store.write({**now.values, self.name: self.file.stored[self.name]}, now.version)


def of(file: HostFile, source: SecretSource, name: str) -> Place:
    """Return where the secret `name` of a host stands.

    Args:
        file: with the secrets of its store.
        source: that store; None: the file has them all.

    Raises:
        OperatorError: it stands in both.
    """
    if source is None or name not in file.stored:
        return Place(file, None, name)
    if name in dotenv_file.read(file.content).values:
        raise OperatorError(
            f"{file.host}: {name} stands in the store and in {files.shown(file.path)}.",
            "A new value for one of them would contradict the other.",
            f"inv env.move --host={file.host} --to={source.kind} takes it out of the file.",
        )
    return Place(file, opening.store(file.host, source), name)
