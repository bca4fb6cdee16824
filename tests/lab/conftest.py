"""The lab for its stories: brought up when it is down."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import lifecycle
from lab.access.guard import require_lab_addresses
from lab.machines.host import Host
from lab.progress import Steps
from lab.running import Running
from lab.topology import HOSTS, Lab
from tests import started
from tests.lab import faults, order, rows
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import Bootstrap

NAMES = [spec.name for spec in HOSTS]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First the lab itself, then how a fresh host becomes a converged one; the stories of the application come last."""
    items.sort(key=lambda item: order.rank(item.nodeid))


@contextmanager
def alone(checkout: Path) -> Iterator[None]:
    """One worker at a time: what a lab is made of is made once on a machine."""
    folder = os.open(checkout, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@pytest.fixture(scope="session")
def lab() -> Running:
    """The lab, up; the run takes it down at its end unless it was up before."""
    here = Lab.here()
    with alone(here.root), Steps().shown() as steps:
        started.record(here)
        up = lifecycle.up(here, steps)
    require_lab_addresses(here.directory / "ssh_config", NAMES)
    return up


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


SERVER = "aipbx.ru"
STRAY = "COMPOSE_FILE=/none\nCOMPOSE_PROJECT_NAME=stray\nCOMPOSE_PROFILES=colours\nBACKEND_IMAGE=stray\n"


@pytest.fixture(scope="session")
def server(lab: Running) -> Host:
    """The server of the application's stories."""
    return lab.host(SERVER)


@pytest.fixture(scope="session")
def inv(converged: Running, server: Host, tmp_path_factory: pytest.TempPathFactory) -> Inv:
    """An operator whose inventory has one server: converged, made anew where there was a configuration once."""
    if server.run("ls /app/aipbx/environment.json", check=False).returncode == 0:
        with Steps().shown() as steps:
            lifecycle.reset(converged.lab, server.name, steps)
    # The least that may wait of PostgreSQL's log: a story lets it overflow.
    quick = {"settle_seconds": 1, "ready_seconds": 40, "keep_releases": 3, "wal_backlog_mib": 64}
    tree = tmp_path_factory.mktemp("operator") / "tree"
    made = Inv(converged.lab.directory / "ssh_config", tree, {server.name: quick})
    made.bootstrap("-y").succeeded()
    # What somebody may have left there for Compose; no story of the application may notice.
    server.run("cat >/app/aipbx/.env", stdin=b'COMPOSE_PROFILES="colours\n')
    server.run("cat >>/etc/environment", stdin=STRAY.encode())
    return made


@pytest.fixture(scope="session")
def deployed(inv: Inv, server: Host) -> Inv:
    """The operator, once the first release runs."""
    inv.configured(server.name)
    inv("deploy", f"--host={server.name}", "--yes").succeeded()
    return inv


@pytest.fixture(scope="module")
def writing(deployed: Inv, server: Host) -> Iterator[Inv]:
    """The operator, while somebody writes to the database, and faults are possible."""
    with rows.written(server), faults.possible(server):
        yield deployed
