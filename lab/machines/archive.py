"""Files for a container that has not started yet, as the tar archive that ``docker cp`` takes."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Seed:
    """One file, owned by root.

    Args:
        path: Its absolute path in the container.
        content: Its bytes.
        mode: Its permissions.
        folder_mode: The permissions of its folder, when they matter.
    """

    path: str
    content: bytes
    mode: int = 0o644
    folder_mode: int | None = None


def archive(seeds: Sequence[Seed], written: float) -> bytes:
    """Return a tar archive of the files, with paths relative to the root folder.

    Args:
        seeds: The files.
        written: The time of their last change, in seconds since 1970.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for seed in seeds:
            path = PurePosixPath(seed.path).relative_to("/")
            if seed.folder_mode is not None:
                folder = tarfile.TarInfo(str(path.parent))
                folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, seed.folder_mode, written
                tar.addfile(folder)
            member = tarfile.TarInfo(str(path))
            member.size, member.mode, member.mtime = len(seed.content), seed.mode, written
            tar.addfile(member, io.BytesIO(seed.content))
    return buffer.getvalue()
