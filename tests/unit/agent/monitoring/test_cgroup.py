"""What the kernel counts of a container, under both versions of its control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from aipbx_agent.monitoring import cgroup


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroup, "MOUNT", tmp_path / "cgroup")
    monkeypatch.setattr(cgroup, "PROC", tmp_path / "proc")
    return tmp_path


def written(folder: Path, **texts: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_version_1(kernel: Path) -> None:
    written(kernel / "proc" / "7", cgroup="9:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n0::/docker/a\n")
    written(
        kernel / "cgroup" / "memory" / "docker" / "a",
        memory__usage_in_bytes="1000\n",
        memory__stat="cache 700\ntotal_inactive_file 400\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    )
    written(kernel / "cgroup" / "cpuacct" / "docker" / "a", cpuacct__usage="2500000000\n")
    assert cgroup.usage(7) == {"memory_bytes": 600, "cpu_seconds_total": 2.5, "oom_kills_total": 2}


def test_version_2(kernel: Path) -> None:
    written(kernel / "proc" / "7", cgroup="0::/system.slice/docker-a.scope\n")
    written(
        kernel / "cgroup" / "system.slice" / "docker-a.scope",
        memory__current="1000\n",
        memory__stat="anon 500\ninactive_file 300\n",
        memory__events="low 0\noom 1\noom_kill 1\n",
        cpu__stat="usage_usec 1500000\nuser_usec 1\n",
    )
    assert cgroup.usage(7) == {"memory_bytes": 700, "cpu_seconds_total": 1.5, "oom_kills_total": 1}


def test_a_container_that_has_ended_meanwhile(kernel: Path) -> None:
    assert cgroup.usage(7) == {}
