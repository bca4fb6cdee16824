"""`aipbx-agent scrub-plan`: whether scrub rules cover the live database, before anyone is asked anything."""

from __future__ import annotations

import argparse

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.databases import engine
from aipbx_agent.staging import request, schema


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Compare the rules on standard input with the live schema.

    Raises:
        Refused: they are malformed, or something has none.
    """
    scrub, _digest = request.read()
    live = schema.read(request.postgres(engine.live(config)), config.database)
    request.refuse_unruled(scrub, live)
    events.result(gone=scrub.gone(live))
