"""What holds for all unit tests."""

from __future__ import annotations

import pytest

from fleet.ssh import ssh_config


@pytest.fixture(autouse=True)
def nothing_is_known_of_ssh() -> None:
    """A process asks `ssh -G` once a host: no test finds what another has asked."""
    ssh_config._route.cache_clear()
