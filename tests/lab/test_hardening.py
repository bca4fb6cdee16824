"""Story: an auditor comes with the field's two tools, ssh-audit and Lynis."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from tests.lab.login import ssh
from tests.lab.pyinfra_run import Bootstrap

SSH_AUDIT = str(Path(sys.executable).parent / "ssh-audit")
LEAST_INDEX = 80


def findings(address: str) -> dict[str, set[str]]:
    """What ssh-audit calls a failure or a warning: texts by level."""
    done = subprocess.run(
        [SSH_AUDIT, "--json", "--skip-rate-test", address], capture_output=True, text=True, timeout=120, check=False
    )
    report = json.loads(done.stdout)
    found: dict[str, set[str]] = {"fail": set(), "warn": set()}
    for kind in ("kex", "key", "enc", "mac"):
        for algorithm in report[kind]:
            for level in found:
                found[level] |= {f"{algorithm['algorithm']}: {text}" for text in algorithm["notes"].get(level, [])}
    return found


@pytest.mark.parametrize("name", ["aipbx.net", pytest.param("aipbx.org", marks=pytest.mark.test_all)])
def test_ssh_audit_finds_nothing(converged: Running, name: str) -> None:
    assert findings(converged.host(name).address4) == {"fail": set(), "warn": set()}


def test_ssh_audit_finds_only_what_debian_12_lacks(converged: Running) -> None:
    """OpenSSH 9.2 knows one post-quantum key exchange, sntrup761, which our own library does not speak: curve25519
    stays beside it, and ssh-audit warns of nothing else."""
    found = findings(converged.host("aipbx.ru").address4)
    assert found["fail"] == set()
    assert {line.partition(": ")[0] for line in found["warn"]} == {
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
    }
    assert all("post-quantum" in line for line in found["warn"]), found["warn"]


def lynis(host: Host) -> str:
    """What Lynis prints about a host, on which it is for as long as that takes."""
    host.run("DEBIAN_FRONTEND=noninteractive apt-get -y install lynis", timeout=180)
    try:
        return host.run("lynis audit system --quick --no-colors", timeout=300).stdout
    finally:
        host.run("DEBIAN_FRONTEND=noninteractive apt-get -y purge lynis")


@pytest.mark.test_all
def test_lynis_hardening_index(converged: Running) -> None:
    with ThreadPoolExecutor() as pool:
        for output in pool.map(lynis, [converged.host("aipbx.org"), converged.host("aipbx.ru")]):
            index = re.search(r"Hardening index : (\d+)", output)
            assert index, output
            assert int(index[1]) >= LEAST_INDEX, output


def test_anyone_who_guesses_is_banned_and_the_operator_is_not(converged: Running, bootstrap: Bootstrap) -> None:
    host, client = converged.host("aipbx.org"), converged.client
    # A ban that comes in the middle of a guess leaves it without an answer.
    guess = f"timeout 10 ssh -o StrictHostKeyChecking=no -o BatchMode=yes -o ConnectTimeout=3 root@{host.address4} true"
    banned = f"fail2ban-client status sshd | grep -q {client.address4}"

    def is_banned() -> bool:
        client.run(guess, check=False)
        return host.run(banned, check=False).returncode == 0

    try:
        wait.until(is_banned, 90, "banned", "fail2ban-client status sshd")
        assert client.scan_tcp(host.address4, "22").get(22) != "open"
        assert ssh(bootstrap.ssh_config, "deploy", host.name, "true").returncode == 0
        assert bootstrap.only("fail2ban").dry("--limit", host.name).changes == []
    finally:
        host.run("fail2ban-client unban --all")
    assert client.scan_tcp(host.address4, "22")[22] == "open"
