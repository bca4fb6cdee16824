"""What the application wrote to its volumes, held as it is at a moment and packed from there.

Held by hard links in a folder beside the volume's own: no bytes are copied, and a file that the application deletes or
replaces meanwhile is still in the set, so that no row of the dump names a file that is missing.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aipbx_agent.backup import sets
from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.core.process import run

SECONDS = 6 * 3600
COMPRESSION = "zstd -1 -T0"
# tar's exit code when a file changed while it was read; which ones, we look ourselves.
CHANGED = 1
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}
FileStates = dict[str, tuple[int, int]]


class Held:
    """A volume's files as they are at a moment.

    Args:
        key: how the set names the volume.
        live: where the application's files are.
        links: the folder that holds them.
    """

    def __init__(self, key: str, live: Path, links: Path) -> None:
        self.key, self.live, self.links = key, live, links
        self.seen: FileStates = {}

    @property
    def place(self) -> Path:
        """What is packed: the links, or the files themselves where there can be no links."""
        return self.links if self.links.is_dir() else self.live

    def hold(self) -> None:
        """Hold what is there now, beside what was held before."""
        try:
            _link(self.live, self.links)
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            _clear(self.links)
            events.note(f"Volume {self.key} cannot be held still ({problem.strerror}): its files are read as they are.")
        self.seen = file_states(self.place)

    def pack(self, target: Path) -> dict[str, int]:
        """Pack it, and read the archive once to see that all of it is there.

        Args:
            target: a file that does not exist yet.

        Returns: how many files and bytes, and how many files changed while they were read.

        Raises:
            Failed: it cannot be written, or is incomplete.
        """
        argv = ["tar", "--create", "--format=posix", "--numeric-owner", "--sort=name", "--sparse"]
        argv += [f"--use-compress-program={COMPRESSION}", "--file", str(target), "--directory", str(self.place), "."]
        run(argv, seconds=SECONDS, fine=(0, CHANGED))
        listed = run(["tar", "--list", "--use-compress-program=zstd", "--file", str(target)], seconds=SECONDS)
        members = len([line for line in listed.splitlines() if not line.endswith(b"/")])
        now = file_states(self.place)
        changed = [name for name in self.seen if now.get(name) != self.seen[name]]
        if members < len(self.seen) - len(changed):
            raise Failed(
                f"The archive of volume {self.key} is incomplete.",
                f"It has {members} files, and the volume {len(self.seen)}.",
                "Run it again.",
            )
        for name in changed[:5]:
            events.note(f"Volume {self.key}: {name!r} was written to while it was packed.")
        return {"files": members, "bytes": sum(size for _, size in self.seen.values()), "changed": len(changed)}


def size(config: Config) -> int:
    """Return bytes of all that belongs to a set, as it is now.

    Raises:
        Failed: a volume is missing.
    """
    places = [docker.volume(name) for name in config.written_volumes.values()]
    return sum(bytes_ for place in places for _, bytes_ in file_states(place).values())


@contextmanager
def held(config: Config) -> Iterator[list[Held]]:
    """Hold the volumes within this block, from now on; `hold` once more adds what has come.

    Raises:
        Failed: a volume is missing.
    """
    holding = []
    try:
        for key, name in config.written_volumes.items():
            live = docker.volume(name)
            holding.append(Held(key, live, _links(live)))
            holding[-1].hold()
        yield holding
    finally:
        for volume in holding:
            _clear(volume.links)


def release(config: Config) -> None:
    """Let go what a killed run still holds."""
    for name in config.written_volumes.values():
        try:
            _clear(_links(docker.volume(name)))
        except AgentError:
            continue  # no such volume


def file_states(place: Path) -> FileStates:
    """When each file was last written, and its size, by its path; a link counts as a file, as it does for tar."""
    counts: FileStates = {}
    for folder, folders, names in os.walk(place):
        for name in (*names, *folders):
            path = Path(folder) / name
            if name in folders and not path.is_symlink():
                continue
            try:
                about = path.lstat()
            except FileNotFoundError:
                continue
            counts[str(path.relative_to(place))] = (about.st_mtime_ns, about.st_size)
    return counts


def _links(live: Path) -> Path:
    # Beside the volume's own folder: on the same file system, and out of the application's sight.
    return live.parent / f"{sets.ASIDE}backup"


def _clear(links: Path) -> None:
    shutil.rmtree(links, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """Make `target` hold all that `source` has; what it has already, and `source` no longer, stays."""
    target.mkdir(exist_ok=True)
    for entry in os.scandir(source):
        place = target / entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                if place.is_symlink() or place.is_file():
                    place.unlink()
                _link(Path(entry.path), place)
            elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                _link_file(entry, place)
        except FileNotFoundError:
            continue  # gone between two looks: no one needs it
    about = source.stat()
    os.chown(target, about.st_uid, about.st_gid)
    target.chmod(about.st_mode & 0o7777)
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))


def _link_file(entry: os.DirEntry[str], place: Path) -> None:
    try:
        os.link(entry.path, place, follow_symlinks=False)
    except FileExistsError:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        elif place.lstat().st_ino == entry.inode():
            return
        else:
            place.unlink()
        os.link(entry.path, place, follow_symlinks=False)
