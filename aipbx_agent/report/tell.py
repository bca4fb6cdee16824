"""`aipbx-agent tell`: notify the operators of standard input: the first line is the subject, the rest the text."""

from __future__ import annotations

import argparse
import sys

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.report import notify


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Tell them; where nobody is to be told, nothing happens."""
    title, _newline, text = sys.stdin.read().partition("\n")
    receivers = notify.receivers(config.secrets)
    if receivers:
        notify.send(config, title, text.rstrip())
    events.result(receivers=receivers)
