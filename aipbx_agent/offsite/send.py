"""`aipbx-agent offsite-send FILE`: an encrypted file of the store, as it is, on standard output, for an operator."""

from __future__ import annotations

import argparse
import sys

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.offsite import stored
from aipbx_agent.stores import folder
from aipbx_agent.stores.base import NAME, Copies


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which file, and whose."""
    parser.add_argument("file", help="as sets/20261123T030000Z.tar.age")
    parser.add_argument("--of", default="", metavar="HOST", help="one that this host keeps for another one")


def main(config: Config, options: argparse.Namespace) -> None:
    """Send it.

    Raises:
        Refused: it has no such name.
        Failed: it cannot be read.
    """
    if not NAME.fullmatch(options.file):
        raise Refused(f"{options.file!r} is not a file of a store.", "Names are as sets/….tar.age.", "inv backups")
    if options.of:
        _send(folder.FolderStore(config, options.of), options.file)
        return
    with stored.opened(config) as own:
        _send(own, options.file)


def _send(kept: Copies, name: str) -> None:
    for chunk in kept.read(name):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
