from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine import daemon, docker_engine, packages
from lab.errors import LabError


def test_a_mac_sees_what_to_use_instead() -> None:
    with pytest.raises(LabError, match="cannot run on Darwin") as refusal:
        docker_engine.refuse_machine("Darwin", "arm64")
    assert "virtual machine" in refusal.value.do


def test_other_processors_are_refused() -> None:
    with pytest.raises(LabError, match="riscv64"):
        docker_engine.refuse_machine("Linux", "riscv64")
    docker_engine.refuse_machine("Linux", "aarch64")


@pytest.mark.parametrize("version", ["19.03.15", "20.9.1", "1.13.1"])
def test_an_old_engine_is_refused(version: str) -> None:
    with pytest.raises(LabError, match="too old"):
        docker_engine.refuse_engine({"ServerVersion": version})


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "28.5.2", "29.0.0-rc.1"])
def test_a_newer_engine_is_taken(version: str) -> None:
    docker_engine.refuse_engine({"ServerVersion": version, "SecurityOptions": ["name=seccomp,profile=default"]})


def test_engines_whose_containers_have_no_reachable_address_are_refused() -> None:
    with pytest.raises(LabError, match="rootless"):
        docker_engine.refuse_engine({"ServerVersion": "28.0.0", "SecurityOptions": ["name=rootless"]})
    with pytest.raises(LabError, match="Docker Desktop"):
        docker_engine.refuse_engine({"ServerVersion": "28.0.0", "OperatingSystem": "Docker Desktop"})


def test_an_engine_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2376")
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/docker")
    with pytest.raises(LabError, match=r"DOCKER_HOST is tcp://192\.0\.2\.1:2376"):
        docker_engine.find()


def test_without_root_and_engine_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "find", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError, match="only root") as refusal:
        docker_engine.ensure()
    assert "usermod -aG docker" in refusal.value.do


def test_the_lab_s_own_engine_keeps_to_its_own_folders() -> None:
    assert daemon.start_command() == [
        "dockerd",
        "--data-root",
        "/var/lib/aipbx-lab/engine",
        "--exec-root",
        "/run/aipbx-lab/exec",
        "--pidfile",
        "/run/aipbx-lab/docker.pid",
        "-H",
        "unix:///run/aipbx-lab/docker.sock",
        "--bridge",
        "none",
    ]


def process(proc: Path, pid: int, *words: str) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "cmdline").write_bytes(b"\0".join(word.encode() for word in words) + b"\0")


def test_a_pid_file_counts_only_when_its_process_is_the_lab_s_engine(tmp_path: Path) -> None:
    process(tmp_path, 10, "/usr/sbin/dockerd", "--exec-root", "/run/aipbx-lab/exec")
    process(tmp_path, 11, "/usr/sbin/dockerd", "-H", "fd://")
    process(tmp_path, 12, "vim", "/run/aipbx-lab/docker.pid")
    pid_file = tmp_path / "docker.pid"
    for content, expected in (("10", 10), ("11", None), ("12", None), ("13", None), ("junk", None)):
        pid_file.write_text(content)
        assert daemon.running_pid(pid_file, "dockerd", tmp_path) == expected
    assert daemon.running_pid(tmp_path / "absent", "dockerd", tmp_path) is None


def test_mounts_that_an_engine_left_are_found_innermost_first() -> None:
    mountinfo = (
        "1 0 254:0 / / rw - ext4 /dev/vda rw\n"
        "2 1 254:0 /x /var/lib/aipbx-lab/engine rw - ext4 /dev/vda rw\n"
        "3 2 0:84 / /var/lib/aipbx-lab/engine/overlay2/a/merged rw - overlay overlay rw\n"
        "4 1 0:5 / /run/aipbx-lab-other rw - tmpfs tmpfs rw\n"
    )
    assert daemon.mounts_below((Path("/run/aipbx-lab"), Path("/var/lib/aipbx-lab")), mountinfo) == [
        "/var/lib/aipbx-lab/engine/overlay2/a/merged",
        "/var/lib/aipbx-lab/engine",
    ]


def test_errors_of_the_log_are_reported_without_its_other_lines() -> None:
    log = 'level=info msg="ok"\nlevel=error msg="no"\nfailed to start daemon: no cgroup\nlevel=info msg="bye"\n'
    assert daemon.last_complaints(log) == 'level=error msg="no" / failed to start daemon: no cgroup'


def test_only_missing_packages_are_installed(tmp_path: Path) -> None:
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    wanted = {"dockerd": "docker.io", "iptables": "iptables"}
    assert packages.missing(wanted, str(tmp_path)) == ["iptables"]
    assert packages.install_command(["iptables"]) == [
        "apt-get",
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
        "iptables",
    ]
