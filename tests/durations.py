"""How long each test took: kept as JSON beside the lab, so that `bench/` and people see what a run's time went into."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


class Durations:
    """Collects what a run reports.

    Args:
        path: the file that gets it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tests: dict[str, dict[str, float | str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a phase of a test, and which worker ran it."""
        test = self.tests.setdefault(report.nodeid, {"worker": getattr(report, "worker_id", "")})
        test[report.when] = round(report.duration, 2)

    def pytest_sessionfinish(self) -> None:
        """Write the dearest first."""
        if self.tests:
            self.path.parent.mkdir(exist_ok=True)
            self.path.write_text(json.dumps(dict(sorted(self.tests.items(), key=_seconds)), indent=1) + "\n", "utf-8")


def _seconds(test: tuple[str, dict[str, float | str]]) -> float:
    return -sum(value for value in test[1].values() if isinstance(value, float))
