"""Hosts as stories need them: from a snapshot where the lab has one that was made of the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import lifecycle
from lab.images.recipes import fingerprint
from lab.machines import snapshots
from lab.machines.host import Host
from lab.progress import Steps
from tests import started
from tests.lab.inv_run import FILLED, MAIL, Inv

STRAY = "COMPOSE_FILE=/none\nCOMPOSE_PROJECT_NAME=stray\nCOMPOSE_PROFILES=colours\nBACKEND_IMAGE=stray\n"


def restored(host: Host, name: str, mark: str) -> bool:
    """Put a host back to a snapshot, and say whether there was one."""
    if not snapshots.exists(host, name, mark):
        return False
    with Steps().shown() as steps:
        lifecycle.restore(host.lab, host.name, name, steps)
    return True


def keep(host: Host, name: str, mark: str) -> None:
    """Take a snapshot of a host for the next run, unless this run takes the lab down."""
    if not started.by_this_run(host.lab):
        snapshots.take(host, name, mark)


def prepare(host: Host, name: str, mark: str, make: Callable[[], None]) -> None:
    """Put a host back to a snapshot, or else make it with a function and take one.

    Args:
        host: the host.
        name: the snapshot's.
        mark: what the host is made of.
        make: makes it.
    """
    if not restored(host, name, mark):
        make()
        keep(host, name, mark)


@dataclass
class Server:
    """The server of the application's stories, and its operator; the first story that needs it finds it prepared."""

    inv: Inv
    host: Host
    ready: bool = False

    def __post_init__(self) -> None:
        self._mark = fingerprint(self.inv.tree, str(FILLED), str(MAIL), STRAY)

    def converge(self) -> None:
        """Have it converged, without a configuration of the application yet."""
        if not self.ready:
            prepare(self.host, "converged", self._mark, self._converge)
            self.ready = True

    def deploy(self) -> None:
        """Have the first release on it. In a run that has converged it for a story already, this is a real deploy."""
        if self.ready or not restored(self.host, "deployed", self._mark):
            self.converge()
            self.inv.configured(self.host.name)
            self.inv("deploy", f"--host={self.host.name}", "--yes").succeeded()
            # Its env file first: a run that is killed in between leaves no snapshot whose secrets nobody has.
            shutil.copy(self._variables, self._kept)
            keep(self.host, "deployed", self._mark)
        else:
            shutil.copy(self._kept, self._variables)
        self.ready = True

    @property
    def _variables(self) -> Path:
        return self.inv.ssh_config.parent / "env" / f"{self.host.name}.env"

    @property
    def _kept(self) -> Path:
        return self.host.lab.directory / f"deployed-{self.host.name}.env"

    def _converge(self) -> None:
        if self.host.run("ls /app/aipbx/environment.json", check=False).returncode == 0:
            with Steps().shown() as steps:
                lifecycle.reset(self.host.lab, self.host.name, steps)
        self.inv.bootstrap("-y").succeeded()
        # What someone may have left there for Compose; no story of the application may notice.
        self.host.run("cat >/app/aipbx/.env", stdin=b'COMPOSE_PROFILES="colours\n')
        self.host.run("cat >>/etc/environment", stdin=STRAY.encode())
