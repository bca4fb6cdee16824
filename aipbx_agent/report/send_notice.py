"""`aipbx-agent notify`: send the team a notice from standard input: first line the subject, then the text."""

from __future__ import annotations

import argparse
import sys

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.report import notify


def arguments(_: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Send it; without receivers, do nothing."""
    title, _newline, text = sys.stdin.read().partition("\n")
    receivers = notify.receivers(config.secrets)
    if receivers:
        notify.send(config, title, text.rstrip())
    events.result(receivers=receivers)
