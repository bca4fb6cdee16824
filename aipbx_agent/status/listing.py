"""`aipbx-agent list`: the sets on this host, and how the last run of each kind ended."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from aipbx_agent.backup import sets
from aipbx_agent.core import events, files, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.pitr import archive
from aipbx_agent.report import notify, run_state
from aipbx_agent.restore import retained


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Report what there is; nothing is read but small files."""
    events.result(
        host=config.host,
        now=times.now(),
        folder=str(sets.folder(config.backups)),
        last=run_state.state(config, "backup"),
        kept=asdict(retained.read(config)),
        point=archive.summary(config),
        receivers=notify.receivers(config.secrets),
        sets=[described(config, name) for name in sets.names(config.backups)],
    )


def described(config: Config, name: str) -> dict[str, Any]:
    """Return a set in a few words; `problem` says why it cannot be used."""
    path = sets.folder(config.backups) / name
    try:
        manifest = sets.read(path)
    except Refused as problem:
        return {"name": name, "problem": f"{problem.what} {problem.why}"}
    return {
        "name": name,
        "taken": manifest.taken,
        "seconds": manifest.seconds,
        "bytes": manifest.bytes,
        "rows": sum(manifest.contents.tables.values()),
        "tables": len(manifest.contents.tables),
        "engine": manifest.engine,
        "server_version": manifest.server_version,
        "database": manifest.database,
        "release": manifest.release,
        "files": {name: file["bytes"] for name, file in manifest.files.items()},
        "verified": files.read_json(path / sets.VERIFIED),
        "offsite": files.read_json(path / sets.OFFSITE),
    }
