"""Known host keys: OpenSSH's files, read line by line, so that one line that we cannot read spoils no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from paramiko import HostKeys, PKey
from paramiko.hostkeys import HostKeyEntry

REVOKED, AUTHORITY = "@revoked", "@cert-authority"


@dataclass(frozen=True)
class Known:
    """What the files say of one host.

    Attributes:
        keys: its keys, under each of its names that has any.
        revoked: keys that it must not show.
        authority: whether an authority signs for it; we do not follow that.
    """

    keys: HostKeys = field(default_factory=HostKeys)
    revoked: tuple[PKey, ...] = ()
    authority: bool = False


def read(files: Iterable[Path], names: Iterable[str]) -> Known:
    """Read what files of known hosts say of the host that has these names."""
    keys = [(marker, name, key) for marker, entry, key in _entries(files) for name in names if _matches(entry, name)]
    revoked = tuple(key for marker, _, key in keys if marker == REVOKED)
    known = Known(HostKeys(), revoked, any(marker == AUTHORITY for marker, *_ in keys))
    for marker, name, key in keys:
        # The first of a type counts, as before: paramiko compares with one only.
        if not marker and key not in revoked and key.get_name() not in (known.keys.lookup(name) or {}):
            known.keys.add(name, key.get_name(), key)
    return known


def _entries(files: Iterable[Path]) -> Iterator[tuple[str, list[str], PKey]]:
    """Each line's marker (or none), patterns of names, and key; not those that cannot be read."""
    for line in (line for file in files for line in _lines(file)):
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if marker not in ("", REVOKED, AUTHORITY):
            continue
        with suppress(Exception):  # whatever a library says of bytes that are no key
            entry = HostKeyEntry.from_line(" ".join(fields[:3]))
            # paramiko fills a key that is cut off with zeros.
            if entry and entry.key and entry.hostnames and entry.key.get_base64() == fields[2]:
                yield marker, entry.hostnames, entry.key


def _lines(file: Path) -> list[str]:
    with suppress(OSError):
        lines = file.read_bytes().decode(errors="replace").split("\n")
        return [line for line in lines if not line.lstrip().startswith("#")]
    return []


def _matches(patterns: list[str], name: str) -> bool:
    """Whether a line is of this name: by its hash, or by patterns with `*` and `?`, of which one with `!` excludes."""
    if any(_is(pattern[1:], name) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_is(pattern, name) for pattern in patterns)


def _is(pattern: str, name: str) -> bool:
    if pattern.startswith("|"):
        with suppress(ValueError, AssertionError, IndexError):  # no salt of 20 bytes
            return HostKeys.hash_host(name, pattern) == pattern
        return False
    wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wild, name, re.IGNORECASE) is not None
