"""`aipbx-agent lock`: take the deploy lock for an operator, who is named on standard input."""

from __future__ import annotations

import argparse
import sys

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.release import ledger
from aipbx_agent.release.lock import deploy_lock


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether it is a run's."""
    parser.add_argument("--tied", action="store_true", help="with the SSH connection of this call the run is over")


def main(config: Config, options: argparse.Namespace) -> None:
    """Take it, and report the ledger of releases: another may have come before.

    Raises:
        Refused: someone has it, or it cannot be written.
    """
    deploy_lock.take(config, sys.stdin.read().strip(), tied=options.tied)
    events.result(ledger=ledger.entries(config))
