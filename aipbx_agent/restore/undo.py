"""The data that were live before a restore come back; what the restore had brought is kept in their place."""

from __future__ import annotations

import argparse

from aipbx_agent import cleanup
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.databases import engine
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.restore import retained, swap, swap_journal, swap_plan


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Swap back; a restore that was cut off is taken back, and nothing more."""
    cut_off = swap_journal.pending(config)
    cleanup.clear(config)
    if cut_off:
        events.result(what=cut_off[0].what, recovered=True)
        return
    replaced = retained.read(config).replaced
    if not replaced or replaced.discarded:
        raise Refused(
            f"There is nothing to undo on {config.host}.", "No restore retained the data from before it.", "inv backups"
        )
    with deploy_lock.held(config, f"undo of the {replaced.what}"):
        runs, page = swap_plan.now(config)
        change = swap_plan.planned_back(config, replaced, runs=runs, page=page)
        held = swap.carry_out(config, engine.live(config), change)
    events.result(what=change.what, kept=change.kept, held_seconds=round(held, 1), recovered=False)
