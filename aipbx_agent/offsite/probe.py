"""`aipbx-agent offsite-probe`: whether the store takes a file, returns it, and refuses what it must."""

from __future__ import annotations

import argparse
import secrets

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.offsite import stored
from aipbx_agent.stores import encryption
from aipbx_agent.stores.base import PART, Store


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Try it.

    Raises:
        Failed: it does not take, or does not give back, or lets this host delete what it must not.
    """
    encryption.recipients(config)
    # Called like an upload that was cut off: so it goes by itself where this host must not delete.
    name = f"sets/{PART}probe.{secrets.token_hex(4)}"
    with stored.opened(config) as kept:
        with events.step(f"{kept.where} accepts a file, and returns it"):
            kept.put([secrets.token_bytes(1 << 16)], name)
            listed = kept.names("sets")
        if not kept.prunes_itself:
            kept.remove(name)
            events.result(where=kept.where, copies=len(listed), deletes="hidden; the bucket's versions keep it")
            return
        with events.step(f"{kept.where} refuses to delete it"):
            _refused(kept, name)
        events.result(where=kept.where, copies=len(listed), deletes="refused")


def _refused(kept: Store, name: str) -> None:
    try:
        kept.remove(name)
    except AgentError:
        return
    raise Failed(f"{kept.where} allowed this host to delete a copy.", f"It was {name}.", "Converge it.")
