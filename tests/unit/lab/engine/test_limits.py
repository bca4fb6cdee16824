"""A machine whose kernel allows too few inotify instances is refused before a host is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine import limits
from lab.errors import LabError


def machine(folder: Path, *, limit: int, used: int) -> tuple[Path, Path]:
    """Return a kernel's files: the limit, and processes that have some instances and other things open."""
    (folder / "max").write_text(f"{limit}\n")
    descriptors = folder / "proc" / "17" / "fd"
    descriptors.mkdir(parents=True)
    for number in range(used):
        (descriptors / str(number)).symlink_to("anon_inode:inotify")
    (descriptors / "900").symlink_to("anon_inode:[eventpoll]")
    (folder / "proc" / "meminfo").touch()
    return folder / "max", folder / "proc"


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes are root's."""
    monkeypatch.setattr(limits, "_owner", lambda _: 0)


def test_what_others_use_counts(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="too few inotify instances: 28 of 128 are left") as refused:
        limits.refuse_inotify(3, *machine(tmp_path, limit=128, used=100))
    assert refused.value.why.startswith("3 hosts need 36;")
    assert refused.value.do.startswith("sudo sysctl -w fs.inotify.max_user_instances=1024, then")


def test_enough_is_enough_and_a_lab_that_runs_needs_none(tmp_path: Path) -> None:
    files = machine(tmp_path, limit=128, used=92)
    limits.refuse_inotify(3, *files)
    for number in range(100, 136):
        (files[1] / "17" / "fd" / str(number)).symlink_to("anon_inode:inotify")
    limits.refuse_inotify(0, *files)


def test_a_process_that_ended_meanwhile_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert limits._owner(tmp_path / "gone") is None
    assert limits._owner(tmp_path) == os.getuid()
    assert limits._target(tmp_path / "gone") == ""


def test_a_machine_with_too_little_memory_sees_what_would_fit(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:        4000000 kB\nMemFree:          100000 kB\nMemAvailable:    2000000 kB\n")
    limits.refuse_memory(1, meminfo)
    limits.refuse_memory(0, meminfo)
    with pytest.raises(LabError, match="1953 MiB are available") as refusal:
        limits.refuse_memory(3, meminfo)
    assert "need 2800 MiB" in refusal.value.why
    assert "--hosts=1" in refusal.value.do
