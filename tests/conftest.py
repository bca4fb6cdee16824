"""What holds for all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from lab import engine, removal, running
from lab.progress import Steps
from lab.topology import Lab
from tests.lab import order

# `make test` gives the same answer for the same tree, however busy its machine is. To look for new examples:
# `pytest --hypothesis-profile=default`.
settings.register_profile("same-every-time", derandomize=True, deadline=None)
settings.load_profile("same-every-time")

# What this run starts, and ends: labs that were not up before it, and the engine.
LABS, ENGINE = pytest.StashKey[list[Lab]](), pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Under pytest-xdist each worker has a lab of its own."""
    worker = getattr(config, "workerinput", None)
    if worker is None:
        here = Lab.here()
        others = [Lab(here.root, f"gw{number}") for number in range(1, config.getoption("numprocesses", None) or 1)]
        config.stash[LABS] = [lab for lab in (here, *others) if running.current(lab) is None]
        config.stash[ENGINE] = engine.find() is None
    elif worker["workerid"] != "gw0":
        os.environ["AIPBX_LAB"] = worker["workerid"]


class Parts(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """The application's stories run beside all others; who has done his part takes the next story."""

    def _split_scope(self, nodeid: str) -> str:
        return order.part(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Which worker gets which tests."""
    return Parts(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End it, once no worker needs it any more: also when they were interrupted."""
    with Steps().shown() as steps:
        for lab in session.config.stash.get(LABS, []):
            if running.current(lab):
                removal.down(lab, steps)
    if session.config.stash.get(ENGINE, False):
        engine.stop()
