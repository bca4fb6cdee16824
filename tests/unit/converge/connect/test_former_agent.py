"""The agent under its former name is not replaced while it works."""

from pathlib import Path

import pytest

from fleet.converge.connect import former_agent
from fleet.errors import OperatorError
from tests.unit.shell import sh, stub


@pytest.mark.parametrize(
    ("units", "lock_held", "busy"),
    [
        ("", False, ""),
        ("aipbx-data-switch.service loaded active running A switch\n", False, "aipbx-data-switch.service"),
        ("", True, "backup, process 7"),
    ],
    ids=["idle", "a unit", "the lock"],
)
def test_a_host_whose_former_agent_works_is_refused(tmp_path: Path, units: str, lock_held: bool, busy: str) -> None:
    bin_ = stub(tmp_path / "bin", "systemctl", f"cat <<'E'\n{units}E")
    stub(tmp_path / "bin", "flock", f"exit {int(lock_held)}")
    (tmp_path / "command").touch()
    (tmp_path / "lock").write_text("backup, process 7\n")
    probe = former_agent.PROBE.replace(former_agent.COMMAND, str(tmp_path / "command"))
    answer = sh(probe.replace("/run/lock/aipbx-data", str(tmp_path / "lock")), bin_).stdout.splitlines()
    if not busy:
        former_agent.refuse_busy("aipbx.org", answer)
        return
    with pytest.raises(OperatorError, match=r"aipbx\.org: its agent is running") as refused:
        former_agent.refuse_busy("aipbx.org", answer)
    assert busy in refused.value.why


def test_a_host_without_it_is_not_asked() -> None:
    assert sh(former_agent.PROBE).stdout == ""
    former_agent.refuse_busy("aipbx.org", [])
