"""What restores kept is deleted: an operator said so."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from aipbx_agent import cleanup
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.databases import engine
from aipbx_agent.restore import retained


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which of it."""
    parser.add_argument("--database", default="", help="only this one, restored for inspection")


def main(config: Config, options: argparse.Namespace) -> None:
    """Delete it."""
    cleanup.clear(config)
    server = engine.live(config)
    found = retained.read(config)
    if options.database and options.database not in found.looks:
        raise Refused(
            f"{options.database} is not a database for inspection.",
            f"These were: {', '.join(found.looks) or 'none'}.",
            "Name one of them; without a name, everything that restores retained is deleted.",
        )
    if found == retained.Kept():
        raise Refused(f"Nothing is retained on {config.host}.", "No restore left anything.", "inv backups")
    gone = [options.database] if options.database else list(found.looks)
    for name in gone:
        with events.step(f"{name} deleted"):
            server.drop(name)
            looks = {look: of for look, of in retained.read(config).looks.items() if look != name}
            retained.write(config, replace(retained.read(config), looks=looks))
    if found.replaced and not options.database:
        # Said before anything of it is gone: no one may swap half of it back.
        retained.keep(config, replace(found.replaced, discarded=True))
        with events.step(f"{found.replaced.database} and its volumes deleted"):
            server.drop(found.replaced.database)
            for _, old in found.replaced.folders:
                shutil.rmtree(Path(old), ignore_errors=True)
            retained.keep(config, None)
        gone.append(found.replaced.database)
    events.result(discarded=gone)
