"""Where a swap that is under way is written down, and how far it came."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from aipbx_agent.core import files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.restore import swap_plan
from aipbx_agent.restore.swap_plan import Swap

BEGUN, DECIDED = "begun", "decided"


def path(config: Config) -> Path:
    """Return where a swap that is under way is written down."""
    return config.backups / "swap.json"


def pending(config: Config) -> tuple[Swap, str] | None:
    """Return the swap that is under way, or was when it was cut off, and its phase.

    Raises:
        Failed: the journal is damaged.
    """
    journal = path(config)
    if not journal.exists():
        return None
    try:
        raw: dict[str, Any] = dict(files.read_json(journal))
        phase = str(raw.pop("phase"))
        return Swap(**{**raw, "folders": tuple((str(a), str(b), str(c)) for a, b, c in raw["folders"])}), phase
    except (KeyError, TypeError, ValueError) as problem:
        raise Failed(
            f"{journal} cannot be read, so it is unknown how far a restore came.", str(problem), "Check it by hand."
        ) from None


def write(config: Config, swap: Swap, phase: str) -> None:
    """Write down a swap and its phase, before it enters it."""
    files.write_json(path(config), {**asdict(swap), "phase": phase})


def end(config: Config, swap: Swap) -> None:
    """Delete the journal; the maintenance page is off again unless it was on before."""
    if not swap.page:
        swap_plan.maintenance_page(config).unlink(missing_ok=True)
    path(config).unlink(missing_ok=True)
    files.sync(config.backups)
