"""What a release that is about to come would meet on a host (aipbx_agent/status/preflight.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet import agent

if TYPE_CHECKING:
    from fleet.env.host.rendering import Environments


@dataclass(frozen=True)
class Preflight:
    """What a release would meet on a host, as its agent reports it.

    What the agent could not find out raises its error where it is asked for.

    Attributes:
        host: its name.
        answers: by name.
    """

    host: str
    answers: dict[str, Any]

    @property
    def variables(self) -> Environments | None:
        """The application's variables by service, and those that the host itself reads; None: CI may not read them."""
        value = self._value("variables")
        return None if value is None else dict(value)

    @property
    def hands_over(self) -> bool:
        """Whether the host has what it needs to hand calls over through its PBX."""
        return bool(self._value("hands_over"))

    @property
    def restarts(self) -> list[str]:
        """What every release stands on and would be restarted, because its declaration changed."""
        return list(self._value("restarts"))

    @property
    def taken(self) -> list[str]:
        """The programs that listen where nginx would, a line each."""
        return list(self._value("taken") or [])

    @property
    def unknown_names(self) -> list[str]:
        """The host's names that DNS does not know, where its first certificate needs that."""
        return list(self._value("unknown_names") or [])

    @property
    def elsewhere(self) -> dict[str, list[str]]:
        """The addresses of the host's names that are not its own, by name; nothing of a host that cannot tell."""
        answer = self.answers.get("elsewhere") or {}
        return {} if "error" in answer else dict(answer)

    @property
    def stray(self) -> bool:
        """Whether PostgreSQL's container is connected to a network that no longer exists: it is made again then."""
        return bool(self._value("stray"))

    @property
    def pbxs(self) -> dict[str, Any]:
        """Which PBXs there are, and which of them cannot be handed over."""
        return dict(self._value("pbxs"))

    @property
    def background(self) -> dict[str, int]:
        """How much of the application's background work runs, by kind; what could not be counted is left out."""
        counts = self.answers.get("background") or {}
        return {} if "error" in counts else dict(counts)

    @property
    def overlap(self) -> dict[str, Any] | None:
        """That the application's timers would run in two backends (fleet/release/checks/overlap.py)."""
        answer: dict[str, Any] | None = self._value("overlap")
        return answer

    def _value(self, name: str) -> Any:
        value = self.answers.get(name)
        if isinstance(value, dict) and "error" in value:
            raise agent.problem(self.host, value["error"])
        return value
