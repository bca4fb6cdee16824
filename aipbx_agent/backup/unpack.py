"""The volumes of a set: unpacked beside the live ones, so that changing places is a rename (volumes.py packs them)."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from aipbx_agent.backup import volumes
from aipbx_agent.core import docker
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import pipe, run

SECONDS = 6 * 3600


def folder(name: str) -> Path:
    """Return where a volume's files are, as a folder that may change its name.

    Raises:
        Refused: the volume is something mounted from elsewhere.
    """
    argv = ["docker", "volume", "inspect", "--format", "{{json .Options}}", name]
    if json.loads(run(argv, seconds=docker.SECONDS)) or docker.volume(name).is_symlink():
        raise Refused(
            f"Volume {name} is not a plain one.",
            "Its files are elsewhere, so they cannot be exchanged by a rename.",
            "Restore the database with --to-database, and its files by hand.",
        )
    return docker.volume(name)


def unpack(packed: Path, into: Path, like: Path) -> dict[str, int]:
    """Unpack a volume into a new folder, owners, times and modes as they were.

    Args:
        packed: of the set.
        into: the folder; it is made.
        like: whose owner and mode it has unless the set says otherwise.

    Returns: what is in it, counted.
    """
    into.mkdir(mode=0o700)
    shutil.copystat(like, into)
    os.chown(into, like.stat().st_uid, like.stat().st_gid)
    reading = ["zstd", "--decompress", "--stdout", "--quiet", str(packed)]
    writing = ["tar", "--extract", "--directory", str(into), "--numeric-owner", "--preserve-permissions", "--xattrs"]
    pipe([reading, writing], seconds=SECONDS)
    return counted(into)


def counted(place: Path) -> dict[str, int]:
    """Return how many files are in a folder, and their bytes: as a set's manifest counts them."""
    counts = volumes.file_states(place)
    return {"files": len(counts), "bytes": sum(size for _, size in counts.values())}


def same(expected: dict[str, int], actual: dict[str, int]) -> bool:
    """Return whether a volume is what its set says; what was written to while it was packed may have another size."""
    return actual["files"] == expected["files"] and (
        actual["bytes"] == expected["bytes"] or bool(expected.get("changed"))
    )


def read_through(packed: Path) -> dict[str, int]:
    """The same of a packed volume, of which every byte is unpacked and thrown away.

    Raises:
        Failed: it cannot be.
    """
    files = size = 0
    with Popen(["zstd", "--decompress", "--stdout", "--quiet", str(packed)], stdin=DEVNULL, stdout=PIPE) as reading:
        try:
            with tarfile.open(fileobj=reading.stdout, mode="r|") as tar:
                sizes: dict[str, int] = {}
                for member in tar:
                    if member.isdir():
                        continue
                    # A second name of a file has no bytes of its own in the archive, and the same ones on the disk.
                    second = sizes[member.linkname] if member.islnk() else 0
                    sizes[member.name] = second or (
                        len(os.fsencode(member.linkname)) if member.issym() else member.size
                    )
                    files += 1
                    size += sizes[member.name]
            while reading.stdout and reading.stdout.read(1 << 20):
                pass  # what stands behind the archive's end: zstd shall not be cut off
        except (tarfile.TarError, EOFError, KeyError) as problem:
            reading.kill()
            raise Failed(f"{packed.name} cannot be unpacked.", str(problem), "Use another set.") from None
    if reading.returncode != 0:
        raise Failed(f"{packed.name} cannot be unpacked.", f"zstd: exit code {reading.returncode}.", "Use another set.")
    return {"files": files, "bytes": size}
