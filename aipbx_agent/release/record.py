"""`aipbx-agent record`: a line for the ledger of releases, of a release that did not get as far as its switch."""

from __future__ import annotations

import argparse
import json
import sys

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.release import ledger


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads the line from standard input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Add it."""
    ledger.record(config, json.load(sys.stdin))
    events.result()
