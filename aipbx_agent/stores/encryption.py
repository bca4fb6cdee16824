"""Encryption with age to public keys: this host can write copies that it cannot read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.core.process import stream


def recipients(config: Config) -> list[str]:
    """Return the public keys of those who may read copies.

    Raises:
        Refused: there are none.
    """
    keys = [str(key) for key in config.raw["backup_recipients"]]
    if not keys:
        raise Refused(
            "No one could read the copies of this host.",
            "backup_recipients names no public key to encrypt them to.",
            "inv offsite.key, put its line into group_data/all.py, and converge this host.",
        )
    return keys


def age(keys: Sequence[str]) -> list[str]:
    """Return the command that encrypts its input to these public keys."""
    return ["age", "--encrypt", *(word for key in keys for word in ("--recipient", key))]


def tar(folder: Path, names: Sequence[str]) -> list[str]:
    """Return the command that packs files of a folder, in this order, as they are."""
    return ["tar", "--create", "--format=gnu", "--owner=0", "--group=0", "--mode=600", "-C", str(folder), "--", *names]


def packed(folder: Path, names: Sequence[str], keys: Sequence[str]) -> Iterator[bytes]:
    """Files of a folder as one encrypted tar.

    Args:
        folder: where they are.
        names: which, in this order.
        keys: to whom.

    Raises:
        Failed: after the last chunk, when one of the programs did not succeed: what came before is incomplete.
    """
    yield from stream([tar(folder, names), age(keys)])


def sealed(path: Path, keys: Sequence[str]) -> Iterator[bytes]:
    """Yield one file, encrypted.

    Args:
        keys: to whom.

    Raises:
        Failed: after the last chunk, when age did not succeed: what came before is incomplete.
    """
    yield from stream([age(keys)], source=path)
