"""`aipbx-agent state`: how this host is, in one answer, for anyone who is about to change something, or asks.

With `--release` also what a release would meet: the application's variables, what would restart, PBXs, timers; what an
operator goes by comes over standard input. What cannot be known is None, or empty: nothing here keeps the rest unknown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aipbx_agent.backup import sets
from aipbx_agent.contract import COMPOSE_FILE, ENVIRONMENT, IMAGES, MAINTENANCE, SERVICES
from aipbx_agent.core import arriving, events
from aipbx_agent.core.config import Config, load
from aipbx_agent.core.errors import Refused
from aipbx_agent.core.files import read_json
from aipbx_agent.monitoring import alerts
from aipbx_agent.pitr import daemon
from aipbx_agent.release import ledger
from aipbx_agent.release.containers import colours
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.report import run_state
from aipbx_agent.restore import retained, swap_journal
from aipbx_agent.status import containers, database, machine, preflight

FILES = (COMPOSE_FILE, ENVIRONMENT, IMAGES)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether a release is about to come."""
    parser.add_argument("--release", action="store_true", help="also what a release would meet")


def main(config: Config, options: argparse.Namespace) -> None:
    """Report it."""
    problem = None
    try:
        config = load()
    except Refused as refused:
        problem = refused
    state = collect(config)
    if options.release:
        state["release"] = preflight.collect(config, json.load(sys.stdin), problem)
    events.result(**state)


def collect(config: Config) -> dict[str, Any]:
    """How the host is.

    Args:
        config: the host's; without the application's variables where these cannot be read.
    """
    # An operator waits, and most of the time goes by in other programs: Docker's, PostgreSQL's, openssl.
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(one, config) for one in ASKED]
        state = {
            "files": [name for name in FILES if (config.app / name).is_file()],
            "images": images(config),
            "ledger": ledger.entries(config),
            "colours": {service: colours.active(config, service) for service in SERVICES},
            "lock": vars(lock) if (lock := deploy_lock.current(config)) else None,
            "maintenance": (config.app / MAINTENANCE).exists(),
            "torn": arriving.torn(config),
            **_backups(config),
        }
        for answer in asked:
            state |= answer.result()
    return state


# What other programs are asked.
ASKED: tuple[Callable[[Config], dict[str, Any]], ...] = (
    lambda config: {"migrations": database.unapplied(config)},
    lambda config: {"rotation": database.rotation(config)},
    lambda config: {"containers": containers.collect(config)},
    lambda config: {"alerts": alerts.summary(config)},
    machine.collect,
)


def images(config: Config, file: str = IMAGES) -> dict[str, str]:
    """The images that images.env names, or another such file, by service."""
    try:
        lines = (config.app / file).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = [line.partition("=") for line in lines if "_IMAGE=" in line]
    return {name.removesuffix("_IMAGE").lower(): value for name, _, value in pairs}


def _backups(config: Config) -> dict[str, Any]:
    """Ages of sets, how the last backup ended, and what restores have left."""
    names = sets.names(config.backups)
    verified = [name for name in names if sets.verified(config.backups, name)]
    copied = [name for name in names if (sets.folder(config.backups) / name / sets.OFFSITE).exists()]
    last, replaced = run_state.state(config, "backup"), retained.read(config).replaced
    return {
        "backup": _moment(names),
        "verified": _moment(verified),
        "offsite": _moment(copied),
        "backup_failed": last.get("ok") is False and not last.get("running"),
        "wal": read_json(config.backups / daemon.STATE),
        "unfinished": str(read_json(swap_journal.path(config)).get("what", "")),
        "kept": replaced.what if replaced else "",
    }


def _moment(names: list[str]) -> str | None:
    return sets.moment_of(names[-1]).isoformat() if names else None
