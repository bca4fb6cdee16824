"""What holds for all unit tests."""

from __future__ import annotations

import pytest

from fleet.ssh import ssh_config


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a verb keeps on this machine is the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def nothing_is_known_of_ssh() -> None:
    """A process asks `ssh -G` once a host: no test finds what another has asked."""
    ssh_config._route.cache_clear()
