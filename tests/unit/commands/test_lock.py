"""One operator at a time: the lock is taken once, and says whose it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fleet.commands import lock
from tests.unit.shell import sh

OWNER = b"anna@desk, deploy, since 2026-11-23 10:00:00 UTC\n"


def test_exact() -> None:
    assert lock.acquire("/app/aipbx") == (
        "mkdir /app/aipbx/lock 2>/dev/null || { cat /app/aipbx/lock/owner 2>/dev/null; exit 75; }; "
        "cat >/app/aipbx/lock/owner"
    )
    assert lock.release("/app/aipbx") == "rm -rf /app/aipbx/lock"
    assert lock.owner("/app/aipbx") == (
        "[ -d /app/aipbx/lock ] && { grep . /app/aipbx/lock/owner 2>/dev/null || echo unknown; }"
    )


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    assert sh(lock.acquire(str(tmp_path)), stdin=OWNER).returncode == 0
    second = sh(lock.acquire(str(tmp_path)), stdin=b"boris@desk\n")
    assert (second.returncode, second.stdout) == (lock.HELD, OWNER.decode())
    assert sh(lock.owner(str(tmp_path))).stdout == OWNER.decode()


def test_given_back_it_can_be_taken_again(tmp_path: Path) -> None:
    sh(lock.acquire(str(tmp_path)), stdin=OWNER)
    assert sh(lock.release(str(tmp_path))).returncode == 0
    assert sh(lock.owner(str(tmp_path))).returncode != 0
    assert sh(lock.acquire(str(tmp_path)), stdin=b"boris@desk\n").returncode == 0


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: sh(lock.acquire(str(tmp_path)), stdin=OWNER).returncode, range(8)))
    assert sorted(codes) == [0] + [lock.HELD] * 7


def test_a_lock_whose_owner_never_arrived_is_a_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    assert sh(lock.acquire(str(tmp_path)), stdin=OWNER).returncode == lock.HELD
    assert sh(lock.owner(str(tmp_path))).stdout == "unknown\n"
    (tmp_path / "lock" / "owner").touch()
    assert sh(lock.owner(str(tmp_path))).stdout == "unknown\n"


def test_a_folder_with_a_space_is_one_word(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    assert sh(lock.acquire(str(folder)), stdin=OWNER).returncode == 0
    assert (folder / "lock" / "owner").read_bytes() == OWNER


def test_a_lock_that_became_another_s_is_not_given_back(tmp_path: Path) -> None:
    sh(lock.acquire(str(tmp_path)), stdin=OWNER)
    assert sh(lock.give_back(str(tmp_path)), stdin=b"boris@desk, deploy, since then").returncode == 0
    assert sh(lock.owner(str(tmp_path))).stdout == OWNER.decode()
    assert sh(lock.give_back(str(tmp_path)), stdin=OWNER.strip()).returncode == 0
    assert sh(lock.owner(str(tmp_path))).returncode != 0
    assert sh(lock.give_back(str(tmp_path)), stdin=OWNER.strip()).returncode == 0
