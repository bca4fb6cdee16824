"""The lab itself: what an operator types, and that nothing here leaves it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab import lifecycle
from lab.access.guard import require_lab_addresses
from lab.errors import LabError
from lab.progress import Steps
from lab.running import Running

pytestmark = pytest.mark.usefixtures("all_hosts")

ROOT = Path(__file__).resolve().parents[2]


def inv(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a task as an operator does."""
    command = [sys.executable, "-m", "invoke", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_a_second_up_changes_nothing(lab: Running) -> None:
    before = {host.name: host.run("cat /proc/sys/kernel/random/boot_id").stdout for host in lab.hosts}
    done = inv("lab.up")
    assert done.returncode == 0, done.stderr
    assert before == {host.name: host.run("cat /proc/sys/kernel/random/boot_id").stdout for host in lab.hosts}


def test_status_names_every_machine(lab: Running) -> None:
    rows = json.loads(inv("lab.status", "--json").stdout)
    assert {row["name"]: row["state"] for row in rows} == dict.fromkeys(
        ("aipbx.net", "aipbx.org", "aipbx.ru", "world", "client"), "running"
    )
    assert rows[0]["ipv4"] == lab.host("aipbx.net").address4


@pytest.mark.test_all
def test_a_reset_host_is_a_fresh_server_that_ssh_trusts(lab: Running) -> None:
    host = lab.host("aipbx.ru")
    host.run("touch /etc/left-behind && mkdir -p /var/lib/docker/left-behind")
    old = host.host_keys()
    done = inv("lab.reset", "--host=aipbx.ru")
    assert done.returncode == 0, done.stderr
    assert not set(old) & set(host.host_keys())
    assert host.run("ls /etc/left-behind /var/lib/docker/left-behind", check=False).stdout == ""
    ssh = ["ssh", "-F", str(lab.lab.directory / "ssh_config"), "-o", "BatchMode=yes", "root@aipbx.ru"]
    login = subprocess.run(
        [*ssh, "systemctl is-system-running; systemctl is-enabled docker; cat /etc/ssh/sshd_config.d/*"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert login.stdout.splitlines()[0] == "running"
    assert "PasswordAuthentication yes" in login.stdout
    assert "No such file or directory" in login.stderr  # no Docker


@pytest.mark.test_all
def test_a_reboot_keeps_addresses_keys_and_files(lab: Running) -> None:
    lifecycle.reset(lab.lab, "aipbx.ru", Steps())
    host = lab.host("aipbx.ru")
    asked = "cat /etc/machine-id /proc/sys/kernel/random/boot_id; ip -brief -4 address show eth0; ls /root"
    host.run("touch /root/kept")
    machine, boot, address, files = host.run(asked).stdout.splitlines()
    keys = host.host_keys()
    host.restart()
    again = host.run(asked).stdout.splitlines()
    assert (again[0], again[2].split()[2], again[3]) == (machine, address.split()[2], files)
    assert again[1] != boot
    assert host.host_keys() == keys


def test_a_pulled_cable_looks_like_one(lab: Running) -> None:
    host = lab.host("aipbx.ru")
    host.cut_network()
    try:
        assert lab.client.scan_tcp(host.address4, "22").get(22) != "open"
        assert host.address4 in host.run("ip -brief address show eth0").stdout
    finally:
        host.restore_network()
    assert lab.client.scan_tcp(host.address4, "22") == {22: "open"}
    assert lab.client.scan_tcp(host.address6, "22") == {22: "open"}


def test_a_host_cannot_change_the_machine(lab: Running) -> None:
    host = lab.host("aipbx.ru")
    clock = host.run("date -s '2001-01-01'", check=False)
    assert clock.returncode != 0
    for setting in ("kernel.panic=1", "vm.swappiness=1", "fs.file-max=1000"):
        assert host.run(f"sysctl -w {setting}", check=False).returncode != 0
    host.run("sysctl -w net.ipv4.ip_forward=1")


def test_the_client_sees_the_world_as_the_internet(lab: Running) -> None:
    client = lab.client
    names = client.run("dig +short aipbx.ru A; dig +short www.aipbx.ru AAAA; dig +short nothing.aipbx.ru A")
    host = lab.host("aipbx.ru")
    assert names.stdout.split() == [host.address4, host.address6]
    for url in (
        "https://ghcr.io/v2/",
        "https://registry-1.docker.io/v2/library/python/manifests/3.13-slim",
        "https://acme-v02.api.letsencrypt.org/directory",
        "https://download.docker.com/linux/debian/dists/bookworm/InRelease",
    ):
        assert client.run(f"curl -sS -o /dev/null -w '%{{http_code}}' {url}").stdout == "200", url
    missing = client.run("curl -sS https://registry-1.docker.io/v2/library/python/manifests/none")
    assert "manifest unknown" in missing.stdout


def test_no_address_outside_the_lab_is_ever_scanned(lab: Running) -> None:
    with pytest.raises(LabError, match="is not scanned"):
        lab.client.scan_tcp("203.0.113.1", "22")


def test_names_that_lead_elsewhere_are_refused(lab: Running, tmp_path: Path) -> None:
    require_lab_addresses(lab.lab.directory / "ssh_config", ["aipbx.net", "aipbx.org", "aipbx.ru"])
    elsewhere = tmp_path / "ssh_config"
    elsewhere.write_text("Host *\n    User root\n")
    with pytest.raises(LabError, match="not into the lab"):
        require_lab_addresses(elsewhere, ["aipbx.net"])


@pytest.mark.test_all
@pytest.mark.usefixtures("lab")
def test_an_unknown_host_is_answered_with_the_nearest_name() -> None:
    for words in (("lab.reset", "--host=aipbx.rru"), ("lab.ssh", "aipbx.rru")):
        done = inv(*words)
        assert done.returncode == 2
        assert "did you mean aipbx.ru?" in done.stderr
        assert "Traceback" not in done.stderr
