"""Backups and restores as they are compared: the commands of either side, and what the clock said."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

# `manual`: what one types without this project. `ours`: our dump and our load, and nothing else. `verb`: all that a
# backup and a restore do on the host.
Side = Literal["manual", "ours", "verb"]
Work = Literal["back up", "restore"]
SIDES: tuple[Side, ...] = ("manual", "ours", "verb")
WORKS: tuple[Work, ...] = ("back up", "restore")
LEAST_BYTES = 1 << 30

# For the host's own Python: our dump, or our load, as a backup and a restore call it.
OURS = """
import sys
from pathlib import Path
sys.path.insert(0, "/usr/local/lib/aipbx/agent")
from aipbx_agent.core import config
from aipbx_agent.databases import engine
server = engine.live(config.load())
work, database, path = sys.argv[1:]
if work == "restore":
    server.restore(Path(path), database)
else:
    with server.moment(database) as moment:
        server.dump(database, Path(path), moment)
"""


@dataclass(frozen=True)
class Sample:
    """One measured run.

    Attributes:
        work: what was done.
        cpus: the server's limit, as the table shows it.
        side: how.
        seconds: how long it took on the wall's clock.
        load: the machine's load average before it.
    """

    work: Work
    cpus: str
    side: Side
    seconds: float
    load: float


@dataclass(frozen=True)
class Row:
    """A line of the comparison: seconds of each run of each side."""

    work: Work
    cpus: str
    seconds: Mapping[Side, tuple[float, ...]]

    def times(self, side: Side) -> float:
        """Return how many times as fast as the manual commands, by the medians."""
        return median(self.seconds["manual"]) / median(self.seconds[side])


def turns(round_: int) -> list[Side]:
    """Return who comes when: each round in the other order, so that no one always finds what another left behind."""
    return list(SIDES if round_ % 2 == 0 else reversed(SIDES))


def piped(command: str) -> str:
    """Return a pipe for a shell of which the first failure counts; the manual scripts say so too."""
    return f"bash -c {shlex.quote('set -o pipefail; ' + command)}"


def manual_back_up(container: str, user: str, database: str, path: str) -> str:
    """Return the usual dump, by `docker exec`: a little quicker than `docker compose exec -T`."""
    return piped(f"docker exec {container} pg_dump -U {user} -d {database} --format=custom | gzip >{path}")


def manual_restore(container: str, user: str, database: str, path: str) -> str:
    """Return the usual restore, likewise."""
    words = f"pg_restore -U {user} -d {database} --clean --if-exists"
    return piped(f"gunzip <{path} | docker exec -i {container} {words}")


def ours(work: Work, database: str, path: str) -> str:
    """Our dump or load; the host's Python reads OURS from its standard input."""
    return shlex.join(["python3", "-", work, database, path])


def rows(samples: Sequence[Sample]) -> list[Row]:
    """Bring the runs of all sides together, a line for each work and limit, in the order of measurement."""
    cases = dict.fromkeys((sample.work, sample.cpus) for sample in samples)

    def of(case: tuple[Work, str], side: Side) -> tuple[float, ...]:
        return tuple(sample.seconds for sample in samples if (sample.work, sample.cpus, sample.side) == (*case, side))

    return [Row(*case, {side: of(case, side) for side in SIDES}) for case in sorted(cases, key=_order)]


def _order(case: tuple[Work, str]) -> int:
    return WORKS.index(case[0])


def table(measured: Sequence[Row]) -> str:
    """Return the comparison as text: seconds as the median with the range, and how many times as fast as by hand."""
    lines = [("", "server's CPUs", "manual, s", "dump or load, s", "times as fast", "whole verb, s", "times as fast")]
    for row in measured:
        shown = {side: _shown(row.seconds[side]) for side in SIDES}
        times = {side: f"{row.times(side):.1f}" for side in SIDES}
        lines.append((row.work, row.cpus, shown["manual"], shown["ours"], times["ours"], shown["verb"], times["verb"]))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


def _shown(seconds: tuple[float, ...]) -> str:
    return f"{median(seconds):.1f} ({min(seconds):.1f}-{max(seconds):.1f})"


def report(samples: Sequence[Sample], circumstances: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON, with every single run and the load of the machine before it."""
    return {
        **circumstances,
        "rows": [
            {
                "work": row.work,
                "cpus": row.cpus,
                "median_seconds": {side: median(row.seconds[side]) for side in SIDES},
                "times_as_fast": {side: row.times(side) for side in SIDES if side != "manual"},
            }
            for row in rows(samples)
        ],
        "runs": [vars(sample) for sample in samples],
    }
