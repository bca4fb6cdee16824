"""`aipbx-data tell`: says standard input to the operators: its first line is what it is about, the rest is the text."""

from __future__ import annotations

import argparse
import sys

from aipbx_data import events, notify
from aipbx_data.config import Config


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Tell them; where nobody is to be told, nothing happens."""
    title, _newline, text = sys.stdin.read().partition("\n")
    receivers = notify.receivers(config.secrets)
    if receivers:
        notify.send(config, title, text.rstrip())
    events.result(receivers=receivers)
