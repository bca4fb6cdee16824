"""What a run that ended badly left behind is removed, and a half-made swap taken back: the live data are as before.

Runs after every unit, also after one that was killed, at boot, and before every backup and restore.
"""

from __future__ import annotations

import argparse
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from aipbx_agent.backup import sets, volumes
from aipbx_agent.contract import UPLOAD, UPLOAD_SECONDS
from aipbx_agent.core import detached, docker, lock
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Refused
from aipbx_agent.databases import engine, names, throwaway
from aipbx_agent.databases.postgres import set_roles
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.migrations import first_start
from aipbx_agent.monitoring import silence
from aipbx_agent.pitr import recovery_server
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.release.switch import switch
from aipbx_agent.report import run_state
from aipbx_agent.restore import incoming, swap, trial_backend


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which run has just ended, if one did."""
    parser.add_argument("--after", default="", help="the verb of the unit that ended; a failure is notified")


def main(config: Config, options: argparse.Namespace) -> None:
    """Remove what is left, unless someone is at it: then it is not left.

    Raises:
        AgentError: a half-made swap or switch cannot be taken back.
    """
    if options.after:
        run_state.after(config, options.after)
    detached.clear()
    silence.cleanup(config)
    docker.answering()
    switch.cleanup(config)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.held("cleanup"))
        except Refused:
            return
        clear(config)


def clear(config: Config) -> None:
    """The same, for a run that holds the lock itself.

    Raises:
        Failed: a half-made swap cannot be taken back.
    """
    swap.recover(config)
    deploy_lock.release(config)
    scrubbed = sets.scrubbed_folder(config.backups)
    if _older(scrubbed, sets.SCRUBBED_SECONDS):
        _remove(scrubbed)
    for folder in (sets.folder(config.backups), incoming.folder(config), scrubbed):
        for path in folder.glob(".*") if folder.is_dir() else ():
            if path.name.startswith(sets.ASIDE) or path.name.endswith(".removed") or _forsaken(path):
                _remove(path)
    try:
        volumes.release(config)
        trial_backend.clear(config)
        first_start.clear(config)
        throwaway.clear()
        recovery_server.clear()
        for name in config.written_volumes.values():
            for path in docker.volume(name).parent.glob(names.folder(names.RESTORED, "*")):
                _remove(path)
        server = engine.live(config)
        server.clear()
        for database in names.left_over(config.database, server.databases()):
            server.drop(database)
        if isinstance(server, Postgres):
            set_roles.clear(config, server)
    except AgentError:
        return  # what does not run holds nothing of ours


def _forsaken(path: Path) -> bool:
    return path.name.startswith(UPLOAD) and _older(path, UPLOAD_SECONDS)


def _older(path: Path, seconds: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime > seconds
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
