"""What restores left on purpose: the database and volumes that were live before, and databases to inspect.

backups/kept.json lists them. Nothing but `discard` removes them.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aipbx_agent.backup import unpack
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.files import read_json, write_json
from aipbx_agent.databases import engine


@dataclass(frozen=True)
class Replaced:
    """What was live until other data took its place.

    Args:
        database: its name now.
        folders: of volumes: the live one, and what was live before.
        label: that those names end with.
        what: replaced it: `restore of 20261123T030000Z`.
        at: when, ISO 8601.
        discarded: whether someone said to delete it: it may be deleted in part.
    """

    database: str
    folders: tuple[tuple[str, str], ...]
    label: str
    what: str
    at: str
    discarded: bool = False


@dataclass(frozen=True)
class Kept:
    """Everything that is kept.

    Args:
        replaced: what was live before, if anything was replaced.
        looks: databases to inspect: what each is of, and since when.
    """

    replaced: Replaced | None = None
    looks: dict[str, dict[str, str]] = field(default_factory=dict)


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Report what is kept, and how big it is."""
    data = read(config)
    server = engine.live(config)
    databases = server.databases()
    looks = [
        {"database": name, "bytes": server.size(name), **of} for name, of in data.looks.items() if name in databases
    ]
    replaced: dict[str, Any] = {}
    if data.replaced:
        files = sum(unpack.counted(Path(old))["bytes"] for _, old in data.replaced.folders)
        name = data.replaced.database
        size = server.size(name) if name in databases else 0
        replaced = {**asdict(data.replaced), "bytes": size + files}
    events.result(
        replaced=replaced,
        looks=looks,
        live={"database": config.database, "bytes": server.size(config.database), "version": server.version()},
    )


def read(config: Config) -> Kept:
    """Return what is written down."""
    raw = read_json(_path(config))
    replaced = raw.get("replaced")
    if replaced:
        replaced = Replaced(**{**replaced, "folders": tuple((live, old) for live, old in replaced["folders"])})
    return Kept(replaced or None, raw.get("looks", {}))


def keep(config: Config, replaced: Replaced | None) -> None:
    """Write down what was live before; None: nothing is."""
    write(config, Kept(replaced, read(config).looks))


def write(config: Config, kept: Kept) -> None:
    """Write down what is kept."""
    if kept == Kept():
        _path(config).unlink(missing_ok=True)
    else:
        write_json(_path(config), asdict(kept))


def _path(config: Config) -> Path:
    return config.backups / "kept.json"
