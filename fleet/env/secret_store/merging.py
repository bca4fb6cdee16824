"""A host's env file with the secrets of its store. Deploys read the file alone: a sealed store delays none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fleet.env.dotenv import dotenv_file, files
from fleet.env.secret_store import opening, protocol
from fleet.env.variables.table import VARIABLES, declared
from fleet.errors import OperatorError
from fleet.inventory import secret_sources

if TYPE_CHECKING:
    from fleet.env.dotenv.files import HostFile
    from fleet.env.secret_store.protocol import SecretStore
    from fleet.inventory.hosts import Host
    from fleet.inventory.secret_sources import SecretSource


def of_host(host: Host) -> HostFile:
    """Read the env file of a host, and its secrets from the store that its data name."""
    return load(host.name, secret_sources.declared(host.data))


def load(host: str, source: SecretSource) -> HostFile:
    """Read the env file of the host called `host`, and its secrets from a store.

    Args:
        source: of its secrets; None: the file has them.

    Raises:
        OperatorError: as for `files.load`; or the store cannot be read, or contradicts the file.
    """
    file = files.load(host)
    if source is None:
        return file
    joined = join(file, opening.store(host, source))
    if not joined.stored:
        raise OperatorError(
            f"{joined.store}: there are no secrets.",
            "The entry was never written, or was emptied or deleted; the inventory says that this host's are there.",
            f"inv env.move --host={host} --to={source.kind}, or take `secrets_from` out of the inventory.",
        )
    return joined


def join(file: HostFile, store: SecretStore) -> HostFile:
    """Return a file with what its store has, which may be nothing yet.

    Raises:
        OperatorError: the store cannot be read, or contradicts the file.
    """
    stored = store.read()
    _refuse_unfit(store.place, stored.values)
    _refuse_contradicting(file, store.place, stored.values)
    return replace(file, store=store.place, stored=stored.values, version=stored.version)


def _refuse_unfit(place: str, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if not dotenv_file.NAME.fullmatch(name):
            raise protocol.unknown(place, f"{name!r} is not a name for a variable.")
        if wrong := dotenv_file.unprintable(value):
            raise protocol.unknown(place, f"The value of {name} {wrong}.")
    # An undeclared name counts as secret everywhere.
    if public := [name for name in values if name in VARIABLES and not declared(name).secret]:
        raise protocol.unknown(place, f"Not secret, and belongs in the env file: {', '.join(public)}.")


def _refuse_contradicting(file: HostFile, place: str, values: Mapping[str, str]) -> None:
    ours = file.read.values
    if names := [name for name in values if name in ours and ours[name] != values[name]]:
        raise OperatorError(
            f"{file.host}: the env file and the store say different things about {', '.join(names)}.",
            f"{place} is where the secrets of this host belong, and {files.shown(file.path)} has others.",
            f"Find out which are right, then take the lines out: inv env.edit --host={file.host}",
        )
