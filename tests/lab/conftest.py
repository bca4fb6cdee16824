"""The lab for its stories: brought up when it is down, and taken away again by whoever brought it up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import engine, lifecycle, removal, running
from lab.guard import require_lab_addresses
from lab.host import Host
from lab.progress import Steps
from lab.running import Running
from lab.topology import HOSTS, Lab
from tests.lab.pyinfra_run import Bootstrap

NAMES = [spec.name for spec in HOSTS]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First the lab itself, then how a fresh host becomes a converged one: every other story begins with that."""
    first = ("test_lab.py", "test_fresh_to_converged.py")
    items.sort(key=lambda item: first.index(item.path.name) if item.path.name in first else len(first))


@pytest.fixture(scope="session")
def lab() -> Iterator[Running]:
    """The lab, up; left as it was found."""
    here = Lab.here()
    engine_was_there, lab_was_up = engine.find() is not None, running.current(here) is not None
    with Steps().shown() as steps:
        up = lifecycle.up(here, steps)
    require_lab_addresses(here.directory / "ssh_config", NAMES)
    yield up
    with Steps().shown() as steps:
        if not lab_was_up:
            removal.down(here, steps)
        if not engine_was_there:
            engine.stop()


@pytest.fixture(scope="session")
def bootstrap(lab: Running) -> Bootstrap:
    """`pyinfra inventory.py deploys/bootstrap.py`, as the README has it, against the lab."""
    return Bootstrap(lab.lab.directory / "ssh_config")


@pytest.fixture(scope="session")
def converged(lab: Running, bootstrap: Bootstrap) -> Running:
    """The lab with its three hosts converged."""
    bootstrap("-y").succeeded()
    return lab


@pytest.fixture
def host(converged: Running) -> Host:
    """A converged Debian 13 host that does not ban this machine, however often a story is refused on purpose."""
    machine = converged.host("aipbx.org")
    machine.run(f"fail2ban-client set sshd addignoreip {converged.subnet.address4(1)}; fail2ban-client unban --all")
    return machine


@pytest.fixture
def lab_fresh(converged: Running) -> Host:
    """A server as the cloud delivers it: Debian 12. Whoever uses it leaves it converged."""
    with Steps().shown() as steps:
        lifecycle.reset(converged.lab, "aipbx.ru", steps)
    return converged.host("aipbx.ru")
