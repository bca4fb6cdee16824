"""What holds for all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from lab import engine

# `make test` gives the same answer for the same tree, however busy its machine is. To look for new examples:
# `pytest --hypothesis-profile=default`.
settings.register_profile("same-every-time", derandomize=True, deadline=None)
settings.load_profile("same-every-time")

ENGINE_WAS_THERE = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Under pytest-xdist each worker has a lab of its own."""
    worker = getattr(config, "workerinput", None)
    if worker is None:
        config.stash[ENGINE_WAS_THERE] = engine.find() is not None
    elif worker["workerid"] != "gw0":
        os.environ["AIPBX_LAB"] = worker["workerid"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """An engine that stories started is stopped, once no worker needs it any more."""
    if not session.config.stash.get(ENGINE_WAS_THERE, True):
        engine.stop()
