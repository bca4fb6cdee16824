"""What holds for all tests."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Generator

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from lab.topology import Lab
from tests import started
from tests.durations import Durations
from tests.lab import evidence, order

DURATIONS = "durations.json"
# `make test` gives the same answer for the same tree, however busy its machine is. To look for new examples:
# `pytest --hypothesis-profile=default`.
settings.register_profile("same-every-time", derandomize=True, deadline=None)
settings.load_profile("same-every-time")


def pytest_configure(config: pytest.Config) -> None:
    """Under pytest-xdist each worker has a lab of its own; what they start is recorded in one place."""
    # A shell's job in the background ignores Ctrl-C, and so would all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = getattr(config, "workerinput", None)
    if worker is None:
        os.environ[started.FOLDER] = tempfile.mkdtemp(prefix="aipbx-test-run-")
        config.pluginmanager.register(Durations(Lab.here().directory / DURATIONS))
    elif worker["workerid"] != "gw0":
        os.environ["AIPBX_LAB"] = worker["workerid"]


class Parts(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """The stories of the application's server run beside those of hosts; a worker that is done takes the next file."""

    def _split_scope(self, nodeid: str) -> str:
        return order.part(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        others = {file for other, files in self.assigned_work.items() if other is not node for file in files}
        chosen = order.following(list(self.workqueue), self.assigned_work[node], others)
        self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Which worker gets which tests."""
    return Parts(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """From here on commands belong to this test."""
    evidence.COMMANDS.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a failing story leaves while it is still there."""
    report = yield
    if report.failed and item.nodeid.startswith("tests/lab/"):
        kept = evidence.keep(item.nodeid, report.longreprtext)
        report.sections.append(("What is needed to find out why", str(kept)))
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what this run has started, once no worker needs it: also when they were interrupted."""
    if not hasattr(session.config, "workerinput"):
        started.end(Lab.here().root)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the record."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[started.FOLDER])
