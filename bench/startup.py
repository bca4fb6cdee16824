"""How long `inv --list` takes, beside an Invoke tasks file that holds next to nothing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fleet.errors import OperatorError

REPEATS = 15
DEADLINE_SECONDS = 30
# One task: without any, Invoke's list is an error.
EMPTY = '''"""Nothing."""

from invoke.tasks import task


@task
def nothing(_: object) -> None:
    """Do nothing."""
'''


@dataclass(frozen=True)
class Startup:
    """Seconds of each run, by turns.

    Attributes:
        ours: of this project's verbs.
        empty: of a tasks file with one task.
    """

    ours: tuple[float, ...]
    empty: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times as long ours take, by the medians."""
        return median(self.ours) / median(self.empty)

    def __str__(self) -> str:
        """Return the measurement in words."""
        return (
            f"inv --list: {median(self.ours):.3f} s, an empty tasks file {median(self.empty):.3f} s "
            f"(medians of {len(self.ours)}): {self.ratio:.2f} times as long"
        )


def measure(root: Path) -> Startup:
    """Measure both by turns, so that a load of this machine falls on both.

    Args:
        root: the checkout with our tasks.

    Raises:
        OperatorError: `inv --list` failed.
    """
    ours: list[float] = []
    empty: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        (Path(folder) / "tasks.py").write_text(EMPTY, encoding="utf-8")
        # The first run of each writes Python's cached bytecode.
        for counts in (False, *[True] * REPEATS):
            for directory, seconds in ((root, ours), (Path(folder), empty)):
                taken = _seconds(directory)
                if counts:
                    seconds.append(taken)
    return Startup(tuple(ours), tuple(empty))


def _seconds(directory: Path) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        [Path(sys.executable).with_name("inv"), "--list"],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise OperatorError(
            f"inv --list failed in {directory}.",
            " / ".join(done.stderr.strip().splitlines()[-3:]) or "It printed no message.",
            "Run it there, and mend what it says.",
        )
    return time.perf_counter() - began
