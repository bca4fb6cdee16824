"""The operators' env files: `env/<host>.env`, not in git, or `env/<host>.env.age`, encrypted, in git."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleet.checkout import directory_in_use
from fleet.env.dotenv import dotenv_file, encryption
from fleet.env.dotenv.dotenv_file import EnvFile
from fleet.errors import OperatorError


@dataclass(frozen=True)
class HostFile:
    """The env file of a host, read.

    Args:
        path: where it stands.
        content: its bytes in clear.
        store: where its secrets come from, as operators read it; empty: from the file.
        stored: the secrets that come from there.
        version: of what the store has; what a write wants to replace.
    """

    host: str
    path: Path
    content: bytes = field(repr=False)
    store: str = ""
    stored: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: str = ""

    @property
    def sealed(self) -> bool:
        """Whether it is encrypted on disk."""
        return self.path.suffix == ".age"

    @property
    def read(self) -> EnvFile:
        """What it says, and what its store adds; that has no line."""
        read = dotenv_file.read(self.content)
        return replace(read, values={**read.values, **self.stored})

    def values(self) -> dict[str, str]:
        """Return its values, right or wrong.

        Raises:
            OperatorError: a line of it cannot be read with certainty.
        """
        read = self.read
        if read.faults:
            first = read.faults[0]
            raise OperatorError(
                f"{self.host}: {shown(self.path)}, line {first.line}: {first.name} {first.why}.",
                f"{len(read.faults)} line{'s' * (len(read.faults) > 1)} cannot be read with certainty.",
                f"inv env.check --host={self.host}   shows all of them",
            )
        return read.values


def paths(host: str) -> tuple[Path, Path]:
    """Return where the env file of `host` stands: in clear, and encrypted."""
    directory = directory_in_use("env")
    return directory / f"{host}.env", directory / f"{host}.env.age"


def load(host: str) -> HostFile:
    """Read the env file of the host called `host`; an encrypted one is decrypted in memory.

    Raises:
        OperatorError: there is none, there are two, or it cannot be read or decrypted.
    """
    plain, sealed = paths(host)
    existing = [path for path in (plain, sealed) if path.is_file()]
    if not existing:
        raise OperatorError(
            f"There is no env file for {host}.",
            f"Neither {shown(plain)} nor {sealed.name} is there.",
            f"inv env.init --host={host}",
        )
    if len(existing) == 2:
        raise OperatorError(
            f"{host} has two env files: {shown(plain)} and {sealed.name}.",
            "Which of them applies is ambiguous.",
            "Compare them, then delete the one that is out of date.",
        )
    return read(host, existing[0])


def read(host: str, path: Path) -> HostFile:
    """Read one env file of the host called `host`; an encrypted one is decrypted in memory.

    Raises:
        OperatorError: it cannot be read or decrypted.
    """
    content = _content(path)
    return HostFile(host, path, encryption.unseal(content, path) if path.suffix == ".age" else content)


def refuse_existing(host: str) -> None:
    """Nothing may be lost by writing a new file for the host called `host`.

    Raises:
        OperatorError: it has one.
    """
    for path in paths(host):
        if path.exists():
            raise OperatorError(
                f"{host} has an env file already: {shown(path)}",
                "Its secrets would be lost.",
                f"inv env.edit --host={host}",
            )


def save(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, or an encrypted one, aside and renamed.

    Args:
        path: where; `.age` says that it is to be encrypted to the recipients beside it.
        content: its bytes in clear.
    """
    directory = path.parent
    data = encryption.seal(content, directory) if path.suffix == ".age" else content
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=directory)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OperatorError(
            f"{shown(path)} cannot be written.", str(error.strerror), "Fix it, and try again; nothing was changed."
        ) from None


def shown(path: Path) -> str:
    """Return a path as operators read it: relative to where they are, when it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OperatorError(
            f"{shown(path)} cannot be read.", str(error.strerror), "Correct its owner or its mode."
        ) from None
