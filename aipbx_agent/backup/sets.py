"""Backup sets: a folder each below backups/sets, complete or not there at all.

backups/sets/20261123T030000Z/           backups/scrubbed/… of one whose customers are made up
    manifest.json                        what is in it (`Manifest`)
    database.dump                        pg_dump's custom format with zstd; MySQL: database.sql.zst
    volume-backend_static.tar.zst        one for each volume that the application writes
    verified.json                        written by `verify`: when it was restored and found equal
    offsite.json                         written by `offsite`: where its copy is, and when that was checked
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aipbx_agent.core.errors import Refused
from aipbx_agent.core.files import read_json, sha256, sync, write_json
from aipbx_agent.databases.contents import Contents

# 2: what a database itself has, and the roles that it needs. A set in format 1 says nothing of them.
# 3: its customers are made up (aipbx_agent/staging); only such a set has that format.
FORMAT, SCRUBBED_FORMAT = 2, 3
NAME = re.compile(r"\d{8}T\d{6}Z")
MANIFEST = "manifest.json"
VERIFIED = "verified.json"
OFFSITE = "offsite.json"
# What is made separately, in backups/sets and backups/incoming, begins so; `cleanup` deletes it.
ASIDE = ".aside-"
# So long one that is for a staging host waits to be fetched.
SCRUBBED_SECONDS = 24 * 3600
ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Manifest:
    """What a set holds.

    Args:
        host: where it was taken.
        name: the set's.
        taken: the moment whose data it holds, ISO 8601 in UTC.
        seconds: how long it took.
        engine: `postgres` or `mysql`.
        server_version: as the server reports it, `16.14`.
        role: who owned it.
        database_bytes: its size on the server.
        release: SHA by service, of what ran.
        contents: what the database held.
        volumes: files and bytes of each volume, by key: {"files": n, "bytes": n}.
        files: bytes and sha256 of each file of the set, by name.
        format: of this description.
        scrubbed: the SHA-256 of the rules by which its customers were made up; empty: they are real.
    """

    host: str
    name: str
    taken: str
    seconds: float
    engine: str
    server_version: str
    database: str
    role: str
    database_bytes: int
    release: dict[str, str]
    contents: Contents
    volumes: dict[str, dict[str, int]]
    files: dict[str, dict[str, Any]]
    format: int = FORMAT
    scrubbed: str = ""

    @property
    def major(self) -> int:
        """The server's major version."""
        return int(self.server_version.split(".")[0])

    @property
    def bytes(self) -> int:
        """The size of the whole set."""
        return sum(int(file["bytes"]) for file in self.files.values())


def name_of(moment: datetime) -> str:
    """Return the name of the set of a moment."""
    return moment.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def moment_of(name: str) -> datetime:
    """Return the moment in a set's name."""
    return datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)


def folder(backups: Path) -> Path:
    """Return where sets are."""
    return backups / "sets"


def scrubbed_folder(backups: Path) -> Path:
    """Return where a set for a staging host is, until it is fetched."""
    return backups / "scrubbed"


def names(backups: Path) -> list[str]:
    """Return the complete sets, oldest first."""
    place = folder(backups)
    if not place.is_dir():
        return []
    return sorted(path.name for path in place.iterdir() if NAME.fullmatch(path.name) and (path / MANIFEST).is_file())


def readable(backups: Path) -> list[tuple[str, Manifest]]:
    """Return the complete sets whose manifests can be read, oldest first."""
    manifests = []
    for name in names(backups):
        try:
            manifests.append((name, read(folder(backups) / name)))
        except Refused:
            continue
    return manifests


def verified(backups: Path, name: str) -> bool:
    """Return whether a set was restored and found equal."""
    return read_json(folder(backups) / name / VERIFIED).get("ok") is True


def read(path: Path) -> Manifest:
    """Return the manifest of the set in a folder.

    Raises:
        Refused: there is none, or this program does not understand it.
    """
    try:
        raw = json.loads((path / MANIFEST).read_text("utf-8"))
        if raw["format"] > SCRUBBED_FORMAT:
            raise Refused(
                f"{path.name} was made by a newer aiPBX Fleet.",
                f"Its format is {raw['format']}, and this one reads up to {SCRUBBED_FORMAT}.",
                "Converge this host with the present repository.",
            )
        manifest = Manifest(**{**raw, "contents": Contents(**raw["contents"])})
        _plausible(manifest)
    except FileNotFoundError:
        raise Refused(f"{path} is not a backup set.", "It has no manifest.json.", "inv backups") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Refused(f"The manifest of {path.name} is damaged.", str(problem), "Use another set.") from None
    return manifest


def _plausible(manifest: Manifest) -> None:
    """Touch all that others rely on; what a damaged file left in its place raises one of many errors."""
    contents, numbers = manifest.contents, [manifest.seconds, manifest.database_bytes, manifest.contents.large_objects]
    numbers += [*contents.tables.values(), *(file["bytes"] for file in manifest.files.values())]
    numbers += [number for volume in manifest.volumes.values() for number in volume.values()]
    texts = [manifest.host, manifest.taken, manifest.engine, manifest.database, manifest.role, manifest.scrubbed]
    texts += [*manifest.release.values(), *(file["sha256"] for file in manifest.files.values())]
    texts += [*contents.properties.values(), *contents.stays]
    for role in contents.roles.values():
        texts += [role["attributes"], role["powers"], role["comment"], *role["settings"], *role["member_of"].values()]
    if not all(isinstance(number, (int, float)) and number >= 0 for number in numbers):
        raise ValueError("one of its numbers is invalid")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("one of its texts is invalid")
    moment_of(manifest.name)
    contents.sequences.keys()
    contents.extensions.keys()
    if manifest.major < 1:
        raise ValueError("its server version is invalid")


def check(path: Path) -> Manifest:
    """Read a set's manifest, and compare every file of it, byte for byte, with what the manifest says.

    Raises:
        Refused: a file is missing, cut off, or changed.
    """
    manifest = read(path)
    for name, expected in manifest.files.items():
        file = path / name
        if "/" in name or not file.is_file():
            raise Refused(f"{path.name} is incomplete.", f"{name} is missing.", "Use another set.")
        size = file.stat().st_size
        if size != expected["bytes"]:
            raise Refused(
                f"{path.name} is incomplete.", f"{name} has {size} bytes, not {expected['bytes']}.", "Use another set."
            )
        if sha256(file) != expected["sha256"]:
            raise Refused(
                f"{path.name} is damaged.", f"{name} has another hash than when it was written.", "Use another set."
            )
    return manifest


def complete(partial: Path, manifest: Manifest) -> Path:
    """Make a set of the folder `partial`: manifest written, everything synced, renamed to the set's name.

    Args:
        partial: a folder beside the sets, with every file of the manifest in it.
        manifest: what it holds.

    Returns: the set's folder.
    """
    written = asdict(manifest)
    if not manifest.scrubbed:
        del written["scrubbed"]  # programs of before it read such a set as they did
    write_json(partial / MANIFEST, written)
    for file in partial.iterdir():
        sync(file)
    sync(partial)
    place = partial.parent / manifest.name
    partial.rename(place)
    sync(place.parent)
    return place


def remove(path: Path) -> None:
    """Delete a set: first its name, so that a half-deleted one is none."""
    doomed = path.with_name(f".{path.name}.removed")
    path.rename(doomed)
    shutil.rmtree(doomed)


def is_packed(path: Path) -> bool:
    """Return whether a file is packed by zstd, by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(ZSTD)) == ZSTD
