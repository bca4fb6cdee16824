"""Who notifies the team that monitoring itself is broken: the agent, which needs no container for it."""

from __future__ import annotations

import time
from pathlib import Path

from aipbx_agent.core import files
from aipbx_agent.core.config import Config
from aipbx_agent.monitoring import alerts
from aipbx_agent.report import notify

# Since when it does not work, and whether the team was notified; a reboot forgets it.
STATE = Path("/run/aipbx-monitoring-broken.json")
# Reported when it lasts that long: a start, an update of an image and a repair are shorter.
SECONDS = 600


def watch(config: Config) -> None:
    """Notify the team, once, when monitoring does not work for long, and when it works again."""
    found, state = alerts.summary(config), files.read_json(STATE)
    if not found or found["works"]:
        if state.get("notified"):
            notify.send(config, f"{config.host}: monitoring works again", "Its alerts reach the team again.")
        STATE.unlink(missing_ok=True)
    elif not state:
        files.write_json(STATE, {"since": time.time(), "notified": False})
    elif not state["notified"] and time.time() - state["since"] >= SECONDS:
        files.write_json(STATE, {**state, "notified": True})
        notify.send(
            config,
            f"{config.host}: monitoring does not work",
            f"{found['why']}\nSee: inv runbook watchdog; inv alerts --host={config.host}",
        )
