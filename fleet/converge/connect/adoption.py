"""What was installed by hand on a host, seen by pyinfra; so a dry run says it before anything is done."""

from __future__ import annotations

from pyinfra import host, logger
from pyinfra.api import FactBase

from fleet.adoption.hand_made import HandMade, parse
from fleet.commands.adoption import look
from fleet.inventory.settings import Settings


class MadeByHand(FactBase[HandMade | None]):
    """A stack that this project did not make; None when there is none."""

    def command(self, app_dir: str) -> str:
        """One round trip."""
        return look(app_dir)

    @staticmethod
    def default() -> HandMade | None:
        """Nothing there."""
        return None

    def process(self, output: list[str]) -> HandMade | None:
        """Return names and values, a line each."""
        return parse("\n".join(output))


def announce(settings: Settings) -> None:
    """Say what was installed by hand here, as long as no one has taken it over; nothing is changed.

    Args:
        settings: the host's data.
    """
    present: HandMade | None = host.get_fact(MadeByHand, app_dir=settings.app_dir)
    if present is None or not present.waits:
        return
    lines = [f"{host.name} already runs a stack that was installed by hand; converging stops none of it:"]
    lines += [f"    {line}" for line in present.lines()]
    lines.append(f"    Then take it over: inv adopt --host={host.name}")
    for line in lines:
        logger.warning(f"{host.print_prefix}{line}")
