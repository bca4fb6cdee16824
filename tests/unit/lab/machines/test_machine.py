from __future__ import annotations

import io
import tarfile
from pathlib import Path

from lab.machines import client, host, machine
from lab.machines.archive import Seed, archive
from lab.topology import HOSTS, Lab, Subnet

LAB = Lab(Path("/srv/one"))
NET = HOSTS[0]


def test_a_host_gets_nothing_that_reaches_the_machine() -> None:
    options = host.options(LAB, NET)
    granted = {options[place + 1] for place, word in enumerate(options) if word == "--cap-add"}
    assert not granted & {"SYS_TIME", "SYS_MODULE", "SYS_RAWIO", "ALL"}
    assert "--privileged" not in options
    assert options[:2] == ["--cap-drop", "ALL"]


def test_what_makes_a_container_a_virtual_server() -> None:
    assert host.options(LAB, NET)[-14:] == [
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "apparmor=unconfined",
        "--security-opt",
        "systempaths=unconfined",
        "--cgroupns",
        "private",
        "--tmpfs",
        "/run",
        "--stop-signal",
        "SIGRTMIN+3",
        "--mount",
        f"type=volume,source=aipbx-lab-{LAB.id}-aipbx.net-docker,target=/var/lib/docker",
    ]


def test_the_command_that_creates_a_machine() -> None:
    assert machine.create_command(LAB, "client", Subnet(1), 3, ["--cap-add", "NET_ADMIN"], "image:1") == [
        "container",
        "create",
        "--name",
        f"aipbx-lab-{LAB.id}-client",
        "--hostname",
        "client",
        "--label",
        f"net.aipbx.lab={LAB.id}",
        "--network",
        f"aipbx-lab-{LAB.id}",
        "--ip",
        "198.51.100.35",
        "--ip6",
        "2001:db8:0:1::3",
        "--cap-add",
        "NET_ADMIN",
        "image:1",
    ]


def test_a_command_at_the_console() -> None:
    assert machine.exec_command("c", "id -u", stdin=False) == ["exec", "c", "sh", "-c", "id -u"]
    assert machine.exec_command("c", "cat", stdin=True) == ["exec", "--interactive", "c", "sh", "-c", "cat"]


def test_a_fresh_host_knows_its_operator_its_name_and_its_resolver() -> None:
    seeds = {seed.path: seed for seed in host.seeds(NET, Subnet(1), "ssh-ed25519 AAAA lab\n", [b"first", b"second"])}
    assert seeds["/etc/hostname"].content == b"aipbx.net\n"
    assert seeds["/etc/resolv.conf"].content == b"nameserver 198.51.100.34\n"
    assert seeds["/root/.ssh/authorized_keys"] == Seed(
        "/root/.ssh/authorized_keys", b"ssh-ed25519 AAAA lab\n", mode=0o600, folder_mode=0o700
    )
    assert seeds["/usr/local/share/ca-certificates/internet-1.crt"].content == b"second"


def test_an_archive_keeps_permissions_and_time() -> None:
    data = archive([Seed("/root/.ssh/authorized_keys", b"key", mode=0o600, folder_mode=0o700)], written=1000.0)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        folder, file = tar.getmembers()
    assert (folder.name, folder.isdir(), folder.mode) == ("root/.ssh", True, 0o700)
    assert (file.name, file.mode, file.size, file.mtime) == ("root/.ssh/authorized_keys", 0o600, 3, 1000)


def test_scans() -> None:
    assert client.scan_command("198.51.100.43", "22,80") == (
        "nmap -sS -Pn -n --max-retries 1 --min-rate 2000 -p 22,80 198.51.100.43"
    )
    assert client.scan_command("2001:db8::b", "3032") == (
        "nmap -6 -sS -Pn -n --max-retries 1 --min-rate 2000 -p 3032 2001:db8::b"
    )


def test_what_a_scan_found() -> None:
    output = "PORT     STATE         SERVICE\n22/tcp   open          ssh\n9090/tcp filtered      zeus-admin\n"
    assert client.port_states(output) == {22: "open", 9090: "filtered"}
