"""`aipbx-agent offsite-list`: which copies a store has, as the store itself says, whole or not, verified or not."""

from __future__ import annotations

import argparse
from typing import Any

from aipbx_agent.backup import sets
from aipbx_agent.core import events, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.stores import base, configured, folder
from aipbx_agent.stores.base import Copies


def sealed(name: str) -> str:
    """Return what the encrypted file of a set is called."""
    return f"{name}.tar.age"


def label(name: str) -> str:
    """Return what its description is called, which is written last."""
    return f"{name}.json"


def verified(name: str) -> str:
    """Return what says that it was verified is called."""
    return f"{name}.verified.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whose copies."""
    parser.add_argument("--of", default="", metavar="HOST", help="those that this host keeps for another one")


def main(config: Config, options: argparse.Namespace) -> None:
    """Report the copies, oldest first."""
    if options.of:
        kept = folder.FolderStore(config, options.of)
        events.result(where=kept.where, sets=copies(kept))
        return
    with opened(config) as own:
        events.result(where=own.where, sets=copies(own))


def opened(config: Config) -> base.Store:
    """This host's store.

    Raises:
        Refused: none is declared, or it cannot be used.
    """
    own = configured.of(config)
    if own is None:
        raise Refused(
            f"{config.host} has no off-site store.",
            "`offsite` is empty for it in the inventory.",
            "Declare one (group_data/all.py says how) and converge it.",
        )
    return own


def copies(kept: Copies) -> list[dict[str, Any]]:
    """Return the copies of sets in a store, oldest first: what their descriptions say, and whether the file is as long.

    Args:
        kept: the store.

    Returns: for each name, host, taken, bytes, sha256; `whole`; `verified`: when, or None.
    """
    names = kept.names("sets")
    texts = kept.texts("sets", ".json")
    listed = []
    for name in sorted(file.removesuffix(".json") for file in texts if not file.endswith(".verified.json")):
        if not sets.NAME.fullmatch(name):
            continue
        described = files.parsed(texts[label(name)])
        marker = files.parsed(texts.get(verified(name), b"{}"))
        listed.append(
            {
                "name": name,
                **{key: described.get(key) for key in ("host", "taken", "bytes", "sha256")},
                "whole": described.get("bytes") is not None and names.get(sealed(name)) == described["bytes"],
                "verified": marker.get("at"),
            }
        )
    return listed
