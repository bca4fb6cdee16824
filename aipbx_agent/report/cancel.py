"""`aipbx-agent cancel`: stop what an operator began, and tell how it ended; with `--look`, only what runs."""

from __future__ import annotations

import argparse

from aipbx_agent.contract import CANCEL_SECONDS
from aipbx_agent.core import events, runs
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import run
from aipbx_agent.report import run_state
from aipbx_agent.report.attach import nothing

# A run that has passed the moment from which there is no way back completes first, or is completed after it was killed.


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether it is only asked."""
    parser.add_argument("--look", action="store_true", help="only tell what runs")


def main(config: Config, options: argparse.Namespace) -> None:
    """Stop it.

    Raises:
        Refused: nothing runs.
    """
    running = [current for current in runs.current() if current.process]
    if not running:
        raise nothing(config)
    if options.look:
        events.result(runs=[{"verb": current.verb, "since": current.since} for current in running])
        return
    before = {current.verb: run_state.state(config, current.verb) for current in running}
    for current in running:
        run(["systemctl", "stop", current.unit], seconds=CANCEL_SECONDS)
    # One that writes down nothing about itself leaves what an earlier run of it wrote.
    ends = {verb: (run_state.state(config, verb), earlier) for verb, earlier in before.items()}
    events.result(
        ended=[{"verb": verb, "completed": end.get("ok") is True and end != of} for verb, (end, of) in ends.items()]
    )
