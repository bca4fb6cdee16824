"""One operator at a time: the lock is taken once, and says whose it is."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aipbx_agent.contract import CARRIED_OUT, STAGED, UNIT
from aipbx_agent.core.config import Config
from aipbx_agent.release import deploy_lock
from fleet.commands import lock
from tests.unit.shell import sh, stub

OWNER = b"anna@desk, deploy, since 2026-11-23 10:00:00 UTC\n"


def standing(app: Path) -> str:
    """What the host knows of the run that the lock was taken for."""
    seen = deploy_lock.seen(Config({"app_dir": str(app)}, {}, {}))
    return seen.standing if seen else ""


def owner(app: Path) -> str | None:
    """Who has it; None: no one."""
    seen = deploy_lock.seen(Config({"app_dir": str(app)}, {}, {}))
    return seen.owner if seen else None


def test_exact() -> None:
    assert lock.acquire("/app/aipbx") == (
        "mkdir /app/aipbx/lock || "
        "{ [ ! -d /app/aipbx/lock ] || { cat /app/aipbx/lock/owner 2>/dev/null; exit 75; }; exit 1; }; "
        "cat >/app/aipbx/lock/owner || { rm -rf /app/aipbx/lock; exit 1; }; "
        "cat /app/aipbx/releases.jsonl 2>/dev/null || true"
    )
    assert lock.release("/app/aipbx") == "rm -rf /app/aipbx/images.env.staged /app/aipbx/lock"


def test_a_lock_that_cannot_be_written_is_not_left(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "cat", "exit 1")
    assert sh(lock.acquire(str(tmp_path)), bin_, OWNER).returncode == 1
    assert not (tmp_path / "lock").exists()
    assert sh(lock.acquire(str(tmp_path / "none")), stdin=OWNER).returncode == 1


def connection(app: Path, process: int, began: str) -> None:
    """A lock that this process took, if it still is the one that began then."""
    (app / "lock" / "connection").write_text(f"{process} {began}\n")


def test_a_lock_knows_whether_the_connection_is_there_that_took_it(tmp_path: Path) -> None:
    assert sh(lock.acquire(str(tmp_path), tied=True), stdin=OWNER).returncode == 0
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
    assert sh(lock.release(str(tmp_path))).returncode == 0
    assert standing(tmp_path) == ""


def test_the_connection_is_that_of_sshd_above_the_shell(tmp_path: Path) -> None:
    # A shell by the name of sshd's: what the kernel calls a process is the name of its file.
    program = tmp_path / "sshd-session"
    program.symlink_to(os.path.realpath("/bin/sh"))
    script = f"{lock.acquire(str(tmp_path), tied=True)}; sleep 60 & wait"
    inner = f"sh -c {shlex.quote(script)}; exit"
    above = subprocess.Popen([program, "-c", inner], stdin=subprocess.PIPE, start_new_session=True)
    assert above.stdin
    above.stdin.write(OWNER)
    above.stdin.close()
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
    sh(lock.acquire(str(tmp_path), tied=True), stdin=OWNER)
    connection(tmp_path, 2**22, "1")
    file = tmp_path / "lock" / "owner"
    file.write_text(f"{file.read_text().strip()}{CARRIED_OUT}\n")
    stubs = stub(tmp_path / "bin", "systemctl", f'[ "$4" = {UNIT}switch ] && echo {state}')
    monkeypatch.setenv("PATH", f"{stubs}:{os.environ['PATH']}")
    assert standing(tmp_path) == told


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    assert sh(lock.acquire(str(tmp_path)), stdin=OWNER).returncode == 0
    second = sh(lock.acquire(str(tmp_path)), stdin=b"boris@desk\n")
    assert (second.returncode, second.stdout) == (lock.HELD, OWNER.decode())
    assert owner(tmp_path) == OWNER.decode().strip()


def test_given_back_it_can_be_taken_again(tmp_path: Path) -> None:
    sh(lock.acquire(str(tmp_path)), stdin=OWNER)
    assert sh(lock.release(str(tmp_path))).returncode == 0
    assert owner(tmp_path) is None
    assert sh(lock.acquire(str(tmp_path)), stdin=b"boris@desk\n").returncode == 0


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: sh(lock.acquire(str(tmp_path)), stdin=OWNER).returncode, range(8)))
    assert sorted(codes) == [0] + [lock.HELD] * 7


def test_a_lock_whose_owner_never_arrived_is_a_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    assert sh(lock.acquire(str(tmp_path)), stdin=OWNER).returncode == lock.HELD
    assert owner(tmp_path) == "unknown"
    (tmp_path / "lock" / "owner").touch()
    assert owner(tmp_path) == "unknown"


def test_a_folder_with_a_space_is_one_word(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    assert sh(lock.acquire(str(folder)), stdin=OWNER).returncode == 0
    assert (folder / "lock" / "owner").read_bytes() == OWNER


def test_a_lock_that_became_another_s_is_not_given_back(tmp_path: Path) -> None:
    staged = tmp_path / STAGED
    staged.touch()
    sh(lock.acquire(str(tmp_path)), stdin=OWNER)
    assert sh(lock.give_back(str(tmp_path)), stdin=b"boris@desk, deploy, since then").returncode == 0
    assert owner(tmp_path) == OWNER.decode().strip()
    assert staged.exists()
    assert sh(lock.give_back(str(tmp_path)), stdin=OWNER.strip()).returncode == 0
    assert owner(tmp_path) is None
    assert not staged.exists(), "what a run wrote down goes with its lock"
    assert sh(lock.give_back(str(tmp_path)), stdin=OWNER.strip()).returncode == 0
