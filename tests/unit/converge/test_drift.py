"""What pyinfra's dry run says, read; a pyinfra that cannot tell is no drift."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.converge import drift
from fleet.errors import OperatorError
from tests.unit.shell import stub

PLAN = {
    "plan": [
        {"name": "SSH | sshd: hardened", "hosts_with_change": ["aipbx.net"], "hosts_with_conditional_change": []},
        {"name": "Reload", "hosts_with_change": [], "hosts_with_conditional_change": ["aipbx.net", "aipbx.org"]},
        {"name": "Users | deploy", "hosts_with_change": ["aipbx.ru"], "hosts_with_conditional_change": []},
    ]
}


@pytest.fixture
def pyinfra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a stand-in for pyinfra is looked for."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    return tmp_path


def test_exact(pyinfra: Path) -> None:
    assert drift.command(["aipbx.net", "aipbx.org"]) == [
        *[f"{pyinfra}/pyinfra", "inventory.py", "deploys/bootstrap.py", "--dry", "--json"],
        *["--limit", "aipbx.net", "--limit", "aipbx.org"],
    ]


def test_each_host_has_its_own(pyinfra: Path) -> None:
    (pyinfra / "said").write_text(json.dumps(PLAN))
    stub(pyinfra, "pyinfra", f"echo '--> Connecting' >&2; cat {pyinfra}/said")
    assert drift.of_all(["aipbx.net", "aipbx.org"]) == {
        "aipbx.net": ["sshd: hardened", "Reload"],
        "aipbx.org": ["Reload"],
    }
    assert drift.of("aipbx.ru") == ["deploy"]


def test_one_that_cannot_be_asked_hides_no_other(pyinfra: Path) -> None:
    (pyinfra / "said").write_text(json.dumps(PLAN))
    stub(pyinfra, "pyinfra", f'case "$*" in *aipbx.org*) exit 1;; esac; cat {pyinfra}/said')
    assert drift.of_all(["aipbx.net", "aipbx.org"]) == {"aipbx.net": ["sshd: hardened", "Reload"]}


def test_what_was_asked_of_all_is_not_asked_again(pyinfra: Path) -> None:
    stub(pyinfra, "pyinfra", "exit 1")
    assert drift.of("aipbx.net", {"aipbx.net": ["Reload"]}) == ["Reload"]
    with pytest.raises(OperatorError, match="could not determine"):
        drift.of("aipbx.net", {})


def test_why_it_cannot_tell_is_said(pyinfra: Path) -> None:
    """sshd's own penalty for an office's address, as pyinfra passes the refusal on."""
    (pyinfra / "said").write_text(
        "--> Connecting to hosts...\n    [aipbx.net] aipbx.net refuses SSH from this address for a while.\n"
        "    why: Its sshd says so.\n    do:  It passes by itself.\n\n--> pyinfra error: No hosts remaining!\n"
    )
    stub(pyinfra, "pyinfra", f"cat {pyinfra}/said >&2; exit 1")
    with pytest.raises(OperatorError) as refused:
        drift.of("aipbx.net")
    told = (refused.value.what, refused.value.why, refused.value.do)
    assert told == (
        *("aipbx.net refuses SSH from this address for a while.", "Its sshd says so.", "It passes by itself."),
    )


def test_as_declared(pyinfra: Path) -> None:
    stub(pyinfra, "pyinfra", """echo '{"plan": []}'""")
    assert drift.of("aipbx.net") == []


@pytest.mark.parametrize("script", ["exit 1", "echo '{\"plan\": []}'; exit 1", "exec sleep 20"])
def test_a_dry_run_that_does_not_end_well_is_not_no_drift(
    script: str, pyinfra: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "SECONDS", 0.3)
    stub(pyinfra, "pyinfra", script)
    assert drift.of_all(["aipbx.net"]) == {}
    with pytest.raises(OperatorError, match=r"aipbx\.net: pyinfra could not determine"):
        drift.of("aipbx.net")


def test_the_last_comparison_is_kept_until_a_host_converges(
    pyinfra: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stub(pyinfra, "pyinfra", f"cat {pyinfra}/said")
    (pyinfra / "said").write_text(json.dumps(PLAN))
    assert drift.known("aipbx.org") is None
    drift.of_all(["aipbx.net", "aipbx.org"])
    known = drift.known("aipbx.org")
    assert known
    assert known.changes == ["Reload"]
    (tmp_path / "ssh_config").touch()
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    assert drift.known("aipbx.org") is None, "a lab's host is another one"
    monkeypatch.delenv("AIPBX_SSH_CONFIG")
    drift.forget()
    assert drift.known("aipbx.org") is None
