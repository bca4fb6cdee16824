"""Room on the disk: asked for in sum, and watched."""

from __future__ import annotations

import shutil
import signal
import time
from collections import namedtuple
from pathlib import Path

import pytest

from aipbx_agent.core import disk
from aipbx_agent.core.errors import Interrupted, Refused

Usage = namedtuple("Usage", "total used free")


def test_what_comes_to_one_disk_is_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 100 * disk.MIB))
    half = 45 * disk.MIB
    disk.require({tmp_path: half, tmp_path / "a": half}, 10)
    with pytest.raises(Refused) as refused:
        disk.require({tmp_path: half, tmp_path / "a": half}, 11)
    assert refused.value.why.startswith("It would take about 90.0 MiB; 100.0 MiB are free, and 11 MiB must stay so")


def test_a_disk_that_fills_up_ends_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [200]
    monkeypatch.setattr(disk, "PAUSE", 0.01)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free[0] * disk.MIB))
    before = signal.getsignal(signal.SIGALRM)
    with disk.watched([tmp_path], 100):
        time.sleep(0.05)
    free[0] = 99
    with pytest.raises(Interrupted, match="nearly full"), disk.watched([tmp_path], 100):
        time.sleep(5)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
