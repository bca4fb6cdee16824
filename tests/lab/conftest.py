"""The lab for its stories: each host is brought up, and converged, when a story first needs it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import lifecycle
from lab.access.guard import require_lab_addresses
from lab.machines.host import Host
from lab.progress import Steps
from lab.running import Running
from lab.topology import HOSTS, Lab, host_spec
from tests import started
from tests.lab import faults, monitored, order, rows
from tests.lab.inv_run import Inv
from tests.lab.prepared import Server
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


def switched_on(*names: str) -> Running:
    """Bring the lab up with these hosts; the run takes it down at its end unless it was up before."""
    here = Lab.here()
    with alone(here.root), Steps().shown() as steps:
        started.record(here)
        up = lifecycle.up(here, steps, [host_spec(name) for name in names], stories=True)
    require_lab_addresses(here.directory / "ssh_config", names)
    return up


@pytest.fixture(scope="session")
def lab() -> Running:
    """The small internet and the client, without a host: a story asks for those that it needs."""
    return switched_on()


@pytest.fixture(scope="session")
def all_hosts(lab: Running) -> Running:
    """The lab with its three hosts, whatever state stories left them in."""
    return switched_on(*NAMES)


@pytest.fixture(scope="session")
def bootstrap(lab: Running) -> Bootstrap:
    """`pyinfra inventory.py deploys/bootstrap.py`, as the README has it, against the lab."""
    return Bootstrap(lab.lab.directory / "ssh_config")


@dataclass
class Converge:
    """Converges hosts for stories that need them so: each once a run."""

    bootstrap: Bootstrap
    done: set[str] = field(default_factory=set)

    def __call__(self, *names: str) -> None:
        """Have these hosts up and converged."""
        if missing := [name for name in names if name not in self.done]:
            switched_on(*missing)
            self.bootstrap("-y", *(word for name in missing for word in ("--limit", name))).succeeded()
            self.done.update(missing)


@pytest.fixture(scope="session")
def converge(bootstrap: Bootstrap) -> Converge:
    """Converge the hosts that a story needs, when it says so."""
    return Converge(bootstrap)


@pytest.fixture(scope="session")
def converged(lab: Running, converge: Converge) -> Running:
    """The lab with its three hosts converged."""
    converge(*NAMES)
    return lab


@pytest.fixture
def host(lab: Running, converge: Converge) -> Host:
    """A converged Debian 13 host that does not ban this machine, however often a story is refused on purpose."""
    converge("aipbx.org")
    machine = lab.host("aipbx.org")
    machine.run(f"fail2ban-client set sshd addignoreip {lab.subnet.address4(1)}; fail2ban-client unban --all")
    return machine


@pytest.fixture
def lab_fresh(lab: Running) -> Host:
    """A server as the cloud delivers it: Debian 12. Anyone who uses it leaves it converged."""
    with Steps().shown() as steps:
        lifecycle.reset(lab.lab, "aipbx.ru", steps)
    return lab.host("aipbx.ru")


SERVER = "aipbx.ru"


@pytest.fixture(scope="session")
def server() -> Host:
    """The server of the application's stories."""
    return switched_on(SERVER).host(SERVER)


@pytest.fixture(scope="session")
def prepared(lab: Running, server: Host, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """An operator whose inventory has one server, and what prepares it for stories."""
    # The least that may wait of the WAL: a story lets it overflow.
    quick = {"settle_seconds": 1, "ready_seconds": 40, "keep_releases": 3, "wal_backlog_mib": 64}
    tree = tmp_path_factory.mktemp("operator") / "tree"
    return Server(Inv(lab.lab.directory / "ssh_config", tree, {server.name: quick}), server)


@pytest.fixture(scope="session")
def inv(prepared: Server) -> Inv:
    """The operator, once the server is converged."""
    prepared.converge()
    return prepared.inv


@pytest.fixture(scope="session")
def deployed(prepared: Server) -> Inv:
    """The operator, once the first release runs."""
    prepared.deploy()
    return prepared.inv


@pytest.fixture(scope="module")
def writing(deployed: Inv, server: Host) -> Iterator[Inv]:
    """The operator, while someone writes to the database, and faults are possible."""
    with rows.written(server), faults.possible(server):
        yield deployed


@pytest.fixture(scope="module")
def watched(deployed: Inv, server: Host) -> Iterator[Inv]:
    """The operator of a deployed host that gets its monitoring now; afterwards it has none."""
    with monitored.monitoring(deployed, server):
        yield deployed
