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
    retained_data = retained.read(config)
    if options.database and options.database not in retained_data.looks:
        raise Refused(
            f"{options.database} is not a database for inspection.",
            f"These were: {', '.join(retained_data.looks) or 'none'}.",
            "Name one of them; without a name, everything that restores retained is deleted.",
        )
    if retained_data == retained.Kept():
        raise Refused(f"Nothing is retained on {config.host}.", "No restore left anything.", "inv backups")
    names = [options.database] if options.database else list(retained_data.looks)
    for name in names:
        with events.step(f"{name} deleted"):
            server.drop(name)
            looks = {look: of for look, of in retained.read(config).looks.items() if look != name}
            retained.write(config, replace(retained.read(config), looks=looks))
    if retained_data.replaced and not options.database:
        # Said before anything of it is gone: no one may swap half of it back.
        retained.keep(config, replace(retained_data.replaced, discarded=True))
        with events.step(f"{retained_data.replaced.database} and its volumes deleted"):
            server.drop(retained_data.replaced.database)
            for _, old in retained_data.replaced.folders:
                shutil.rmtree(Path(old), ignore_errors=True)
            retained.keep(config, None)
        names.append(retained_data.replaced.database)
    events.result(discarded=names)
