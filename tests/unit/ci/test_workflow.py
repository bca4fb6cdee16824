"""The workflow that an application's repository gets, and where CI finds the hosts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from fleet.checkout import ROOT
from fleet.ci import known_hosts, workflow
from fleet.errors import OperatorError
from fleet.ssh import ssh_config

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8OAuIWFrFUTb5HCQTpuIB6yxgGwFpo7iyRJ0fSjNq7"


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_a_repository_calls_ours_at_a_commit(service: str) -> None:
    text = workflow.text(service, "team/aipbx-fleet")
    read = yaml.safe_load(text)
    job = read["jobs"]["deploy"]
    assert job["uses"].startswith("team/aipbx-fleet/.github/workflows/deploy.yml@")
    assert job["uses"].endswith(job["with"]["fleet-sha"])
    assert len(job["with"]["fleet-sha"]) == 40
    assert (job["with"]["service"], job["with"]["host"]) == (service, "${{ inputs.host }}")
    choices = read["on"]["workflow_dispatch"]["inputs"]["host"]["options"]
    assert choices == ["all", "aipbx.net", "aipbx.org", "aipbx.ru"]
    called = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text("utf-8"))
    assert set(job["with"]) == set(called["on"]["workflow_call"]["inputs"])


def test_what_is_not_known_is_asked_for() -> None:
    with pytest.raises(OperatorError, match="no service 'database'"):
        workflow.text("database", "team/fleet")
    with pytest.raises(OperatorError, match="not known: 'nonsense'"):
        workflow.text("backend", "nonsense")


def test_no_word_of_others_is_pasted_into_a_shell() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            for step in job.get("steps", []):
                assert "${{" not in step.get("run", ""), (path.name, name)


def test_where_hosts_are_and_their_keys_come_from_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".github").mkdir()
    known = tmp_path / "known"
    known.write_text(f"203.0.113.20 {KEY}\n")
    route = SimpleNamespace(
        address="203.0.113.20", port=22, jump=None, proxy="", known_hosts=(known,), host_key_names=("203.0.113.20",)
    )
    monkeypatch.setattr(ssh_config, "route", lambda *_: route)
    remote: Any = SimpleNamespace(name="aipbx.org", account="deploy")
    known_hosts.write([remote], tmp_path)
    assert (tmp_path / known_hosts.KEYS).read_text().endswith(f"aipbx.org {KEY}\n")
    config = (tmp_path / known_hosts.CONFIG).read_text()
    assert config.endswith("Host aipbx.org\n  HostName 203.0.113.20\n  Port 22\n  HostKeyAlias aipbx.org\n")
    known.write_text("")
    with pytest.raises(OperatorError, match="host key is not known here"):
        known_hosts.write([remote], tmp_path)
