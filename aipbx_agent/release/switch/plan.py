"""What a switch changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aipbx_agent.core.config import Config

RECREATE = "recreate"


@dataclass(frozen=True)
class Switch:
    """What changes.

    Args:
        entry: the ledger's line, without how it ended; its seconds are those that came before.
        settings: of the operator's inventory, for this one run: ready_seconds, settle_seconds, public_checks,
            switch_mode.
        names: by service, the colour that serves (empty: none) and the one that takes its place.
        drain_seconds: how long calls on the old backend may continue; without the PBX's help, how long the switch waits
            until no call is live.
        begun: seconds since 1970.
        accepts_overlap: whether it begins also when the application's timers would run in two backends.
    """

    entry: dict[str, Any]
    settings: dict[str, Any]
    names: dict[str, tuple[str, str]]
    drain_seconds: float
    begun: float
    accepts_overlap: bool

    @property
    def recreates(self) -> bool:
        """Whether the old colours end before the new ones begin."""
        return bool(self.settings["switch_mode"] == RECREATE)

    def configured(self, config: Config) -> Config:
        """Return the host's configuration with what this run goes by."""
        return replace(config, raw={**config.raw, **self.settings})
