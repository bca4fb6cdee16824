"""One operator at a time: the lock is taken once, and says whose it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aipbx_agent.contract import CARRIED_OUT, STAGED, UNIT
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.release.lock import deploy_lock
from fleet.checkout import ROOT
from tests.unit.shell import stub

OWNER = "anna@desk, deploy, since 2026-11-23 10:00:00 UTC"


def host(app: Path) -> Config:
    return Config({"app_dir": str(app), "host": "aipbx.org"}, {}, {})


def take(app: Path, owner: str = OWNER, *, tied: bool = False) -> str:
    """Take the lock; returns why it is refused."""
    try:
        deploy_lock.take(host(app), owner, tied=tied)
    except Refused as refused:
        return refused.what
    return ""


def standing(app: Path) -> str:
    """What the host knows of the run that the lock was taken for."""
    seen = deploy_lock.current(host(app))
    return seen.standing if seen else ""


def owner(app: Path) -> str | None:
    """Who has it; None: nobody."""
    seen = deploy_lock.current(host(app))
    return seen.owner if seen else None


def test_a_lock_that_cannot_be_written_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", full)
        assert take(tmp_path) == "This host could not be locked."
    assert not (tmp_path / "lock").exists()
    assert take(tmp_path / "none") == "This host could not be locked."


def connection(app: Path, process: int, began: str) -> None:
    """A lock that this process took, if it still is the one that began then."""
    (app / "lock" / "connection").write_text(f"{process} {began}\n")


def test_a_lock_knows_whether_the_connection_is_there_that_took_it(tmp_path: Path) -> None:
    assert take(tmp_path, tied=True) == ""
    # No sshd stands above a test.
    assert (tmp_path / "lock" / "connection").read_text() == ""
    assert standing(tmp_path) == ""
    began = Path("/proc/self/stat").read_text().split(") ")[1].split()[19]
    connection(tmp_path, os.getpid(), began)
    assert standing(tmp_path) == "open"
    connection(tmp_path, os.getpid(), f"{int(began) - 1}")
    assert standing(tmp_path) == "ended", "another process has that number now"
    connection(tmp_path, 2**22, began)
    assert standing(tmp_path) == "ended"
    deploy_lock.broken(host(tmp_path))
    assert standing(tmp_path) == ""


TAKE = """
import sys
from aipbx_agent.core.config import Config
from aipbx_agent.release.lock import deploy_lock
deploy_lock.take(Config({"app_dir": sys.argv[1], "host": "h"}, {}, {}), "anna", tied=True)
"""


def test_the_connection_is_that_of_sshd_above_the_agent(tmp_path: Path) -> None:
    # A shell by the name of sshd's: what the kernel calls a process is the name of its file.
    program = tmp_path / "sshd-session"
    program.symlink_to(os.path.realpath("/bin/sh"))
    script = '"$1" -c "$2" "$3"; sleep 60 & wait; exit'
    words = [str(program), "-c", script, "sh", sys.executable, TAKE, str(tmp_path)]
    above = subprocess.Popen(words, cwd=ROOT, start_new_session=True)
    end = time.monotonic() + 20
    while standing(tmp_path) != "open":
        assert time.monotonic() < end
    assert (tmp_path / "lock" / "connection").read_text().split()[0] == str(above.pid)
    os.killpg(above.pid, signal.SIGKILL)
    above.wait()
    assert standing(tmp_path) == "ended"


@pytest.mark.parametrize(
    ("state", "told"), [("active", "runs"), ("deactivating", "runs"), ("failed", "stopped"), ("inactive", "stopped")]
)
def test_what_the_host_carries_out_is_asked_of_its_unit(
    tmp_path: Path, state: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(tmp_path, tied=True)
    connection(tmp_path, 2**22, "1")
    file = tmp_path / "lock" / "owner"
    file.write_text(f"{file.read_text().strip()}{CARRIED_OUT}\n")
    stubs = stub(tmp_path / "bin", "systemctl", f'[ "$4" = {UNIT}switch ] && echo {state}')
    monkeypatch.setenv("PATH", f"{stubs}:{os.environ['PATH']}")
    assert standing(tmp_path) == told


def test_the_second_sees_who_was_first(tmp_path: Path) -> None:
    assert take(tmp_path) == ""
    assert take(tmp_path, "boris@desk") == f"This host is locked: {OWNER}."
    assert owner(tmp_path) == OWNER


def test_given_back_it_can_be_taken_again(tmp_path: Path) -> None:
    take(tmp_path)
    deploy_lock.broken(host(tmp_path))
    assert owner(tmp_path) is None
    assert take(tmp_path, "boris@desk") == ""


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(lambda _: take(tmp_path), range(8)))
    assert sorted(map(bool, refused)) == [False] + [True] * 7


def test_a_lock_whose_owner_never_arrived_is_a_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    assert take(tmp_path) == "This host is locked: by whom is not written down."
    assert owner(tmp_path) == "unknown"
    (tmp_path / "lock" / "owner").touch()
    assert owner(tmp_path) == "unknown"


def test_a_lock_that_became_another_s_is_not_given_back(tmp_path: Path) -> None:
    staged = tmp_path / STAGED
    staged.touch()
    take(tmp_path)
    deploy_lock.broken(host(tmp_path), "boris@desk, deploy, since then")
    assert owner(tmp_path) == OWNER
    assert staged.exists()
    deploy_lock.broken(host(tmp_path), OWNER)
    assert owner(tmp_path) is None
    assert not staged.exists(), "what a run wrote down goes with its lock"
    deploy_lock.broken(host(tmp_path), OWNER)
