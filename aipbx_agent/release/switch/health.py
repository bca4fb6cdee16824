"""Waiting for colours that start: ready, registered with the PBX, and still so a while later."""

from __future__ import annotations

import json
import time
from typing import Any

from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import run
from aipbx_agent.release.containers import colours
from aipbx_agent.release.pbx.pbxs import Pbxs

PAUSE = 0.5


def wait(config: Config, name: str, seconds: float) -> None:
    """Wait until a colour's health check says that it is well.

    Args:
        name: the colour.
        seconds: the deadline.

    Raises:
        Failed: it ended or began again, or was not well in time; with the end of its log.
    """
    end = time.monotonic() + seconds
    while True:
        state, restarts = _state(config, name)
        health = state.get("Health", {}).get("Status", "")
        if not state["Running"] or restarts:
            raise colours.not_well(config, name, "It ended by itself.")
        if health == "healthy":
            return
        if time.monotonic() > end:
            raise colours.not_well(config, name, f"It is {health or 'without a health check'} after {seconds:.0f} s.")
        time.sleep(PAUSE)


def registered(config: Config, name: str, old: str, pbxs: Pbxs) -> None:
    """Wait until a colour of the backend is registered with the PBXs: else new calls would reach no one.

    Args:
        name: the colour.
        old: the colour that serves; empty: none does.
        pbxs: the first must know the new colour, each other one that knows the old.

    Raises:
        Failed: it is not.
    """
    application, before = (colours.bot(colours.present(config, each)) if each else "" for each in (name, old))
    end = time.monotonic() + float(config.raw["ready_seconds"])
    while missing := pbxs.missing(application, before):
        if time.monotonic() > end:
            raise colours.not_well(config, name, f"It is not registered as {application} with {', '.join(missing)}.")
        time.sleep(PAUSE)


def stays(config: Config, names: list[str], seconds: float) -> None:
    """See that colours stay well for a while.

    Raises:
        Failed: one does not.
    """
    end = time.monotonic() + seconds
    while True:
        for name in names:
            state, restarts = _state(config, name)
            health = state.get("Health", {}).get("Status", "")
            if not state["Running"] or restarts or health != "healthy":
                how = "restarted" if restarts else health if state["Running"] else "gone"
                raise colours.not_well(config, name, f"It was ready, then {how}.")
        if time.monotonic() > end:
            return
        time.sleep(PAUSE)


def _state(config: Config, name: str) -> tuple[dict[str, Any], int]:
    container = colours.present(config, name)
    if not container:
        raise Failed(f"{name} is gone.", "Its container was removed.", "Run it again.")
    argv = ["docker", "inspect", "--format", "{{.RestartCount}} {{json .State}}", container]
    restarts, _, state = run(argv, seconds=docker.SECONDS).decode().partition(" ")
    return json.loads(state), int(restarts)
