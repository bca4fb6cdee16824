"""What changes places when restored data become the live ones, and when they go back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aipbx_agent.contract import MAINTENANCE
from aipbx_agent.core import docker, times
from aipbx_agent.core.config import Config
from aipbx_agent.databases import names
from aipbx_agent.release.containers import colours
from aipbx_agent.restore.retained import Replaced

UNDO = "undo of the "


@dataclass(frozen=True)
class Swap:
    """What changes places.

    Args:
        what: it is, for people: `restore of 20261123T030000Z`.
        label: that the names of what is kept end with.
        database: the live one's name.
        new: the database that gets it.
        kept: the name that the live one gets.
        folders: of the volumes: the live one, the new one, and what the live one will be called.
        at: when it began, ISO 8601.
        runs: whether the backend ran before.
        page: whether the maintenance page was on before.
        returns: whether it brings back what another swap had replaced: a run that finds it cut off completes it.
    """

    what: str
    label: str
    database: str
    new: str
    kept: str
    folders: tuple[tuple[str, str, str], ...]
    at: str
    runs: bool
    page: bool
    returns: bool = False

    @property
    def renames(self) -> list[tuple[str, str]]:
        """The databases' names, before and after."""
        return [(self.database, self.kept), (self.new, self.database)]


def planned(config: Config, what: str, label: str, kind: str, new: str, folders: list[tuple[Path, Path]]) -> Swap:
    """Return a swap on this host as it is now.

    Args:
        what: it is, for people.
        label: of the restore.
        kind: how what is live now will be called: names.BEFORE or names.AFTER.
        new: the database that becomes the live one.
        folders: of the volumes: the live one, and the one that becomes it.
    """
    runs, page = now(config)
    kept_folder = names.folder(kind, label)
    return Swap(
        what=what,
        label=label,
        database=config.database,
        new=new,
        kept=names.database(config.database, kind, label),
        folders=tuple((str(live), str(fresh), str(live.with_name(kept_folder))) for live, fresh in folders),
        at=times.now(),
        runs=runs,
        page=page,
    )


def now(config: Config) -> tuple[bool, bool]:
    """Return whether the backend runs, and whether the maintenance page is on."""
    backend = docker.container(config.project, colours.active(config, "backend"), running=False)
    return docker.running(backend), maintenance_page(config).exists()


def planned_back(config: Config, replaced: Replaced, *, runs: bool, page: bool, returns: bool = False) -> Swap:
    """Return the swap that makes live again what another one replaced, and retains what is live now.

    Args:
        replaced: what was live before.
        runs: whether the backend runs.
        page: whether the maintenance page is on.
        returns: see Swap.
    """
    undoing = replaced.database == names.database(config.database, names.BEFORE, replaced.label)
    kind = names.AFTER if undoing else names.BEFORE
    retained = names.folder(kind, replaced.label)
    return Swap(
        what=f"{UNDO}{replaced.what}" if undoing else replaced.what.removeprefix(UNDO),
        label=replaced.label,
        database=config.database,
        new=replaced.database,
        kept=names.database(config.database, kind, replaced.label),
        folders=tuple((live, old, str(Path(live).with_name(retained))) for live, old in replaced.folders),
        at=times.now(),
        runs=runs,
        page=page,
        returns=returns,
    )


def replaced(swap: Swap) -> Replaced:
    """Return what a swap retains: what was live before it."""
    folders = tuple((live, old) for live, _, old in swap.folders)
    return Replaced(swap.kept, folders, swap.label, swap.what, swap.at)


def maintenance_page(config: Config) -> Path:
    """While this file is there, nginx shows the maintenance page (fleet/commands/maintenance.py)."""
    return config.app / MAINTENANCE
