"""The gate before a restart of the daemon, run for real with a stand-in for conntrack on PATH."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fleet import templates
from fleet.converge.system.docker import Calls, KnowsFirewallBackend, lost
from fleet.inventory import hosts, settings
from tests.unit.shell import sh


def run_gate(folder: Path, calls: Calls, flows: int) -> subprocess.CompletedProcess[str]:
    stand_in = folder / "conntrack"
    stand_in.write_text("#!/bin/sh\n" + "echo udp 17 src=1.2.3.4 dport=$6\n" * flows)
    stand_in.chmod(0o755)
    return subprocess.run(
        ["/bin/sh", "-c", calls.gate()],
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )


@pytest.mark.parametrize(
    ("flows", "allowed", "passes"), [(0, False, True), (1, False, False), (3, False, False), (3, True, True)]
)
def test_gate_with_a_stand_in_for_conntrack(tmp_path: Path, flows: int, allowed: bool, passes: bool) -> None:
    result = run_gate(tmp_path, Calls([3032], allowed), flows)
    assert (result.returncode == 0) is passes


def test_a_shut_gate_says_why_and_what_to_do(tmp_path: Path) -> None:
    said = run_gate(tmp_path, Calls([3032, 3034], allowed=False), 2).stderr
    assert "Docker must restart, and 4 RTP flows are live on this host." in said
    assert "docker_restart_during_calls=true" in said


def test_a_list_that_cannot_be_had_does_not_pass_for_an_empty_one(tmp_path: Path) -> None:
    broken = tmp_path / "conntrack"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    result = subprocess.run(
        ["/bin/sh", "-c", Calls([3032], allowed=False).gate()],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert result.returncode == 1
    assert "conntrack cannot list the live RTP flows" in result.stderr


@pytest.mark.parametrize(("flags", "known"), [("  --exec-root string\n  --firewall-backend string", True), ("", False)])
def test_the_engine_itself_says_whether_it_knows_the_firewall_s_backend(
    tmp_path: Path, flags: str, known: bool
) -> None:
    (tmp_path / "dockerd").write_text(f"#!/bin/sh\necho '{flags}'\n")
    (tmp_path / "dockerd").chmod(0o755)
    fact = KnowsFirewallBackend()
    done = sh(fact.command(), tmp_path)
    assert done.returncode == 0
    assert fact.process(done.stdout.splitlines()) is known


def daemon_json(*, firewall_backend: bool, **declared: Any) -> str:
    data = hosts.load()[0].data | {"docker_daemon": declared}
    checked = settings.of_host("aipbx.net", data)
    return templates.render("docker/daemon.json.j2", settings=checked, firewall_backend=firewall_backend)


def test_daemon_json() -> None:
    ours = """  "live-restore": true,
  "log-driver": "json-file",
  "log-opts": {
    "max-size": "10m",
    "max-file": "5",
    "tag": "{{.Name}}"
  },
  "no-new-privileges": true
}
"""
    assert daemon_json(firewall_backend=False) == f"{{\n{ours}"
    assert daemon_json(firewall_backend=True) == f'{{\n  "firewall-backend": "iptables",\n{ours}'
    more = {"registry-mirrors": ["https://m.test"], "data-root": "/srv/<docker>"}
    assert json.loads(daemon_json(firewall_backend=True, **more)) == {
        **more, **json.loads(daemon_json(firewall_backend=True))
    }  # fmt: skip


def test_what_a_replaced_file_said_is_named() -> None:
    assert lost('{"debug": true, "live-restore": false}', daemon_json(firewall_backend=False)) == ["debug"]
    assert lost("", daemon_json(firewall_backend=False)) == []
