"""`aipbx-agent unlock`: break the deploy lock; where standard input names an owner, only if it still is theirs."""

from __future__ import annotations

import argparse
import sys

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.release.lock import deploy_lock


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads the owner from standard input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Break it; nothing happens when there is none."""
    deploy_lock.broken(config, sys.stdin.read().strip())
    events.result()
