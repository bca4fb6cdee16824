"""Where a switch that continues is written down; what was done is read from the things themselves."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from aipbx_agent.core import files
from aipbx_agent.core.config import Config
from aipbx_agent.release import ledger
from aipbx_agent.release.switch.plan import Switch

# The copy of STAGED that becomes IMAGES: that moment decides.
WANTED = "images.env.switch"


def path(config: Config) -> Path:
    """Return where a switch in progress is recorded."""
    return config.app / "switch.json"


def pending(config: Config) -> Switch | None:
    """Return the switch in progress, or the one that was interrupted."""
    raw = files.read_json(path(config))
    if not raw:
        return None
    return Switch(**{**raw, "names": {service: (old, new) for service, (old, new) in raw["names"].items()}})


def write(config: Config, switch: Switch) -> None:
    """Write down a switch before it begins."""
    files.write_json(path(config), asdict(switch))


def record(config: Config, switch: Switch, note: str) -> None:
    """Record in the ledger how a switch ended.

    Args:
        note: why it failed; empty: it did not.
    """
    seconds = switch.entry["seconds"] + round(time.time() - switch.begun)
    result = "failed" if note else "ok"
    ledger.record(config, {**switch.entry, "result": result, "seconds": seconds, "note": note})


def end(config: Config) -> None:
    """Delete the journal: nothing of the switch is left to do."""
    path(config).unlink(missing_ok=True)
    (config.app / WANTED).unlink(missing_ok=True)
    files.sync(config.app)
