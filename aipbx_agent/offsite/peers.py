"""`aipbx-agent peers`: make the off-site copies of peer hosts root's, and delete old ones.

Anyone who breaks into an origin must not be able to delete the copies that would save it. Copies that have arrived
therefore become root's: in a directory with the sticky bit, the origin's account can neither rename nor delete them.
An origin cannot make a copy look older than it is: the time in a set's name counts only if it fits its arrival.
"""

from __future__ import annotations

import argparse
import os
import stat
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from aipbx_agent.backup import sets
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.offsite import prune, stored
from aipbx_agent.pitr import prune_arrived
from aipbx_agent.stores import folder as store_folder
from aipbx_agent.stores.base import FOLDERS, PART

# An upload that has not ended, or was not described, after this long will not be.
LEFT_SECONDS = 2 * 86400
# A set may arrive that much later than its name says: outages.
LATE = timedelta(days=4)


def arguments(_: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Take over and prune the copies of each origin."""
    for origin, keep in config.raw["keeps_for"].items():
        kept = store_folder.FolderStore(config, origin)
        for folder in FOLDERS:
            take_ownership(kept.path / folder)
        for path in abandoned(kept.path, time.time()):
            events.note(f"{origin}: deleted {path.name}, an upload that was never finished")
            path.unlink()
        arrived = {
            name: datetime.fromtimestamp((kept.path / "sets" / stored.sealed(name)).lstat().st_mtime, timezone.utc)
            for name in (file.removesuffix(".tar.age") for file in kept.names("sets") if file.endswith(".tar.age"))
            if sets.NAME.fullmatch(name)
        }
        moments = {name: taken_at(sets.moment_of(name), when) for name, when in arrived.items()}
        prune.prune(kept, keep, moments)
        for path in prune_arrived.old(kept.path, int(config.raw["keeps_wal_for"][origin])):
            path.unlink()


def take_ownership(folder: Path) -> None:
    """Make every finished file in a folder root's own, readable for the folder's group: the origin's account.

    Args:
        folder: of an origin's.
    """
    group = folder.stat().st_gid
    for path in folder.iterdir():
        owned = path.lstat()
        if path.name.startswith(PART) or (owned.st_uid, owned.st_gid) == (0, group):
            continue
        # The account may rename it at this moment: what was opened is what is meant.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                os.fchown(handle, 0, group)
                os.fchmod(handle, 0o440)
        finally:
            os.close(handle)


def abandoned(folder: Path, now: float) -> list[Path]:
    """Return what was begun long ago and never finished: parts of uploads, and sets without a description.

    Args:
        folder: an origin's.
        now: seconds of the epoch.
    """
    parts = [path for name in FOLDERS for path in (folder / name).glob(f"{PART}*")]
    alone = [
        path
        for path in (folder / "sets").glob("*.tar.age")
        if not path.with_name(stored.label(path.name.removesuffix(".tar.age"))).exists()
    ]
    return [path for path in (*parts, *alone) if now - path.lstat().st_mtime > LEFT_SECONDS]


def taken_at(named: datetime, arrived: datetime) -> datetime:
    """Return when a copy was taken: what its name says, unless the day of its arrival makes that a lie.

    Args:
        named: the moment of its name.
        arrived: when it was written here.
    """
    return named if arrived - LATE <= named <= arrived + timedelta(hours=1) else arrived
