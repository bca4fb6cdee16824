"""How the program is started: the lock, the unit, the words it says."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aipbx_agent import contract
from aipbx_agent.__main__ import main
from aipbx_agent.contract import UNIT
from aipbx_agent.core import detached, events, lock
from aipbx_agent.core.config import load
from aipbx_agent.core.errors import Failed, Refused
from tests.unit.shell import stub


def test_a_second_run_is_refused_and_shown_which_one_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATH", tmp_path / "lock")
    with lock.held("backup"), pytest.raises(Refused) as refused, lock.held("restore"):
        raise AssertionError
    assert "backup, process" in refused.value.why
    with lock.held("restore"):
        assert "restore" in (tmp_path / "lock").read_text()


def test_a_detached_run_is_a_unit_that_is_tidied_up_after() -> None:
    words = detached.unit(["--json", "backup"], "backup", "/run/log", watched=True)
    assert words[:5] == ["systemd-run", "--quiet", "--collect", "--wait", "--unit=aipbx-agent-backup"]
    assert "--property=ExecStopPost=/usr/local/sbin/aipbx-agent cleanup --after backup" in words
    assert words[-3:] == ["/usr/local/sbin/aipbx-agent", "--json", "backup"]
    # What reports to its caller alone is no news for the team when it fails.
    unwatched = detached.unit(["--json", "prepare"], "prepare", "/run/log", watched=False)
    assert "--property=ExecStopPost=/usr/local/sbin/aipbx-agent cleanup" in unwatched
    # What cleans up would want that file too, and it is gone with the caller.
    assert "StandardInput" not in " ".join(detached.unit(["switch"], "switch", "/run/log", "/run/stdin", watched=True))


def test_words_for_a_machine_are_json_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_as_json", True)
    with pytest.raises(Failed), events.step("packing"):
        raise Failed("a", "b", "c")
    events.progress(1, 2)
    events.error(Refused("a", "b", "c"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"step": "packing"}
    assert lines[1]["undone"] == "packing"
    assert lines[2] == {"progress": [1, 2]}
    assert lines[3] == {"error": {"what": "a", "why": "b", "do": "c", "code": 2}}


def test_words_for_the_journal_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    with events.step("packing"):
        events.progress(1, 2)
    events.error(Failed("What.", "Why.", "Do."))
    said = capsys.readouterr()
    assert said.out.startswith("packing: ")
    assert said.err == "What.\n    why: Why.\n    do:  Do.\n"


def test_the_configuration_of_a_host_is_read(tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    told = tmp_path / "data.json"
    volumes = {"backend_static": "s", "frontend_assets": "a"}
    told.write_text(json.dumps({"host": "aipbx.org", "app_dir": str(app), "volumes": volumes}))
    with pytest.raises(Refused, match="is not there"):
        load(told)
    environment = {"DB_NAME": "aipbx", "DB_USER": "a$$b", "DB_DIALECT": "postgres"}
    (app / "environment.json").write_text(json.dumps({"services": {"backend": {"environment": environment}}}))
    config = load(told)
    assert (config.database, config.role, config.dialect) == ("aipbx", "a$b", "postgres")
    assert config.written_volumes == {"backend_static": "s"}
    assert config.secrets == {}
    told.write_text("[]")
    with pytest.raises(Refused, match="cannot be read"):
        load(told)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where its programs are; no unit runs."""
    programs = stub(tmp_path / "bin", "systemctl", "echo inactive; exit 3")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(detached, "FOLDER", str(tmp_path))
    locks = tmp_path / "locks"
    locks.mkdir()
    monkeypatch.setattr(detached, "LOCKS", locks)
    return programs


@pytest.mark.parametrize(
    ("code", "told"), [(0, ""), (1, ""), (2, ""), (255, "stopped from outside"), (137, "stopped from outside")]
)
def test_how_a_detached_run_ended(code: int, told: str, host: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    log = 'for word in "$@"; do case $word in *StandardOutput=append:*) echo said >>"${word##*append:}";; esac; done'
    stub(host, "systemd-run", f"{log}; exit {code}")
    if told:
        with pytest.raises(Failed, match=told):
            detached.run(["backup"], "backup", watched=True)
    else:
        assert detached.run(["backup"], "backup", watched=True) == code
    assert capfdbinary.readouterr().out == b"said\n"


@pytest.mark.parametrize("state", ["active", "activating", "deactivating"])
def test_a_second_detached_run_of_its_kind_is_refused(host: Path, state: str) -> None:
    stub(host, "systemctl", f"echo {state}; [ {state} = active ]")
    with pytest.raises(Refused, match="A backup runs already") as refused:
        detached.run(["backup"], "backup", watched=True)
    assert state in refused.value.why


def test_of_two_that_begin_at_one_moment_the_second_is_refused(host: Path) -> None:
    stub(host, "systemd-run", "exit 1")
    with lock.held("detached backup", detached.LOCKS / "aipbx-agent-backup"), pytest.raises(Refused):
        detached.run(["backup"], "backup", watched=True)
    assert detached.run(["restore"], "restore", watched=True) == 1


def test_standard_input_reaches_the_unit_in_a_file_of_roots(
    host: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    # It runs what systemd would, but shows what came instead of the program.
    show = f'echo "$*" >{tmp_path}/words; while [ "$1" != /bin/sh ]; do shift; done; stat -c %a "$4" >&2'
    stub(host, "systemd-run", f'{show}; exec "$1" "$2" "$3" "$4" sh -c "cat >&2" "$5"')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"hunter2\n")))
    detached.run(["--stdin", "--json", "import"], "import", watched=True)
    assert capfdbinary.readouterr().err == b"600\nhunter2\n"
    words = (tmp_path / "words").read_text()
    assert words.endswith("/usr/local/sbin/aipbx-agent --json import\n")
    assert "hunter2" not in words
    assert [path for path in tmp_path.iterdir() if path.name.startswith(UNIT)] == []


@pytest.mark.parametrize(
    ("spoken", "newer"), [(contract.VERSION - 1, "host's agent is newer"), (contract.VERSION + 1, "checkout is newer")]
)
def test_a_checkout_of_another_version_is_refused(capsys: pytest.CaptureFixture[str], spoken: int, newer: str) -> None:
    assert main([f"--contract={spoken}", "list"]) == 2
    said = capsys.readouterr().err
    assert newer in said
    assert "pyinfra inventory.py deploys/bootstrap.py" in said


def test_only_the_module_of_the_verb_is_loaded() -> None:
    program = "import sys; from aipbx_agent.__main__ import main; main(['--contract=0', 'notify']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "aipbx_agent.report.send_notice" in loaded
    assert "aipbx_agent.restore.restore" not in loaded
