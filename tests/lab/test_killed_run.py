"""Story: a run dies at any moment. Whatever it left, the next run makes whole."""

from __future__ import annotations

import pytest

from lab.machines.host import Host
from tests.lab.pyinfra_run import Bootstrap, kill, read_until

# The operation that a run of a fresh host has just begun when it is killed.
MOMENTS = [
    "apt: update package lists",
    "System: install packages",
    "Kernel: write and apply sysctl settings",
    "Users: create deploy account",
    "sshd: apply configuration",
    "Firewall: apply UFW rules",
    "Updates: write apt-daily-upgrade.timer schedule",
    "Docker: write daemon.json",
    "Docker: install Engine, Compose and buildx",
]


@pytest.mark.test_all
def test_a_run_killed_again_and_again_is_repaired_by_the_next(lab_fresh: Host, bootstrap: Bootstrap) -> None:
    """One fresh host, a run killed at each moment in turn: each continues from what the one before left."""
    for moment in MOMENTS:
        run = bootstrap.started("-y", "--limit", lab_fresh.name)
        read_until(run, f"| {moment}")
        kill(run)
    bootstrap("-y", "--limit", lab_fresh.name).succeeded()
    assert bootstrap.dry("--limit", lab_fresh.name).changes == []
    assert lab_fresh.run("systemctl --failed --no-legend --plain").stdout == ""
    assert lab_fresh.run("dpkg --audit").stdout == ""
    assert lab_fresh.run("docker run --rm python:3.13-slim python3 -c 'print(1)'", timeout=180).stdout == "1\n"


@pytest.mark.test_all
def test_dpkg_killed_in_the_middle_is_finished_by_the_next(host: Host, bootstrap: Bootstrap) -> None:
    host.run("apt-get -y remove debsums && cd /tmp && apt-get download debsums && dpkg --unpack debsums_*.deb")
    assert "debsums" in host.run("dpkg --audit").stdout
    assert "apt: complete an interrupted installation" in bootstrap.dry("--limit", host.name).changes
    bootstrap("-y", "--limit", host.name).succeeded()
    assert host.run("dpkg --audit").stdout == ""
    assert bootstrap.dry("--limit", host.name).changes == []


@pytest.mark.test_all
def test_a_file_written_and_its_service_not_restarted(host: Host, bootstrap: Bootstrap) -> None:
    """A run that died between the two: the file is right, the process still has the old one."""
    host.run("touch /etc/docker/daemon.json /etc/fail2ban/jail.d/90-aipbx.conf")
    shown = bootstrap.dry("--limit", host.name).changes
    assert shown == ["fail2ban: start or restart fail2ban.service", "Docker: start or restart daemon"]
    bootstrap("-y", "--limit", host.name).succeeded()
    assert bootstrap.dry("--limit", host.name).changes == []


@pytest.mark.parametrize(
    ("concern", "lacks", "moment"),
    [
        ("base", "DEBIAN_FRONTEND=noninteractive apt-get -y remove debsums", "System: install packages"),
        pytest.param("docker", "rm /etc/docker/daemon.json", "Docker: write daemon.json", marks=pytest.mark.test_all),
    ],
)
def test_a_pulled_cable_ends_the_run_and_the_next_repairs(
    host: Host, bootstrap: Bootstrap, concern: str, lacks: str, moment: str
) -> None:
    host.run(lacks)
    deploy = bootstrap.only(concern)
    run = deploy.started("-y", "--limit", host.name)
    read_until(run, f"Starting operation: {moment}")
    host.cut_network()
    try:
        # It notices by itself (DEAD_AFTER_MILLISECONDS) and ends.
        output, _ = run.communicate(timeout=120)
    finally:
        host.restore_network()
    # What it had started may still be at it: the next run waits for that by itself.
    assert run.returncode != 0, output
    deploy("-y", "--limit", host.name).succeeded()
    assert deploy.dry("--limit", host.name).changes == []
