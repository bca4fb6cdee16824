"""What a peer keeps for another host, seen by its own root: to list, to hand over to an operator, to prune."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.stores.base import PART, chunks_of


class FolderStore:
    """The copies of one origin.

    Args:
        origin: whose copies.

    Raises:
        Refused: this host keeps none for it.
    """

    def __init__(self, config: Config, origin: str) -> None:
        if origin not in config.raw["keeps_for"]:
            raise Refused(
                f"{config.host} keeps no copies for {origin}.",
                f"It stores them for: {', '.join(config.raw['keeps_for']) or 'no host'}.",
                "Check `offsite` in inventory.py; converge this host after a change.",
            )
        self.where = f"sftp://{config.host}"
        self.path = config.app / "offsite" / origin

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file."""
        return chunks_of(self._file(name))

    def names(self, folder: str) -> dict[str, int]:
        """Return size of each file in a folder, by name."""
        return {
            path.name: path.lstat().st_size
            for path in (self.path / folder).iterdir()
            if path.is_file() and not path.is_symlink() and not path.name.startswith(PART)
        }

    def texts(self, folder: str, ending: str) -> dict[str, bytes]:
        """Contents of small files, by name."""
        names = (name for name in self.names(folder) if name.endswith(ending))
        return {name: self._file(f"{folder}/{name}").read_bytes() for name in names}

    def remove(self, name: str) -> None:
        """Delete a file."""
        self._file(name).unlink()

    def _file(self, name: str) -> Path:
        path = self.path / name
        if path.is_symlink() or not path.is_file():
            raise Failed(f"{self.where} has no {name}.", f"{path} is not a file.", "inv backups")
        return path
