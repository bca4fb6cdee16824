"""The data that were live before a restore come back; what the restore had brought is kept in their place."""

from __future__ import annotations

import argparse
from pathlib import Path

from aipbx_data import deploy_lock, engine, events, kept, names, swap, tidy
from aipbx_data.config import Config
from aipbx_data.errors import Refused

UNDO = "undo of the "


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Swap back; a restore that was cut off is taken back, and nothing more."""
    cut_off = swap.pending(config)
    tidy.clear(config)
    if cut_off:
        events.result(what=cut_off[0].what, recovered=True)
        return
    replaced = kept.read(config).replaced
    if not replaced or replaced.discarded:
        raise Refused(
            f"There is nothing to undo on {config.host}.", "No restore keeps what was live before it.", "inv backups"
        )
    with deploy_lock.held(config, f"undo of the {replaced.what}"):
        undoing = replaced.database == names.database(config.database, names.BEFORE, replaced.label)
        what = f"{UNDO}{replaced.what}" if undoing else replaced.what.removeprefix(UNDO)
        change = swap.planned(
            config,
            what,
            replaced.label,
            names.AFTER if undoing else names.BEFORE,
            replaced.database,
            [(Path(live), Path(old)) for live, old in replaced.folders],
        )
        held = swap.carry_out(config, engine.live(config), change)
    events.result(what=what, kept=change.kept, held_seconds=round(held, 1), recovered=False)
