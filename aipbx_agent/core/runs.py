"""Runs that an operator began and that this host carries out: units of detached.py, found again by anyone."""

from __future__ import annotations

from dataclasses import dataclass

from aipbx_agent.contract import UNIT
from aipbx_agent.core.process import run

SECONDS = 30


@dataclass(frozen=True)
class Run:
    """A run that has not ended.

    Args:
        verb: what it does.
        process: its process; 0: it is being cleaned up after.
        since: when it began, as systemd writes it.
    """

    verb: str
    process: int
    since: str

    @property
    def unit(self) -> str:
        """Return the name of its unit."""
        return f"{UNIT}{self.verb}.service"


def current() -> list[Run]:
    """Return the runs that have not ended."""
    argv = ["systemctl", "list-units", "--all", "--plain", "--no-legend", f"{UNIT}*.service"]
    units = [line.split()[0] for line in run(argv, seconds=SECONDS).decode().splitlines() if line.strip()]
    runs = [(unit.removeprefix(UNIT).removesuffix(".service"), _shown(unit)) for unit in units]
    return [
        Run(verb, int(shown.get("MainPID", "0")), shown.get("ActiveEnterTimestamp", ""))
        for verb, shown in runs
        if shown.get("ActiveState") not in {None, "inactive", "failed"}
    ]


def _shown(unit: str) -> dict[str, str]:
    argv = ["systemctl", "show", "--property=MainPID,ActiveState,ActiveEnterTimestamp", unit]
    lines = run(argv, seconds=SECONDS).decode().splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
