"""A run that ends badly is written down, measured and told, also when it could not say so itself."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.backup import sets
from aipbx_agent.core import files, metrics
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Refused
from aipbx_agent.report import notify, run_state
from tests.unit.agent.backup.test_sets import made

FIGURE = re.compile(r"aipbx_[a-z_]+ [0-9.]+")
BROKEN = Failed("The dump failed.", "Why <so>.", "Do.")


class Host:
    """Where its program writes, and whom it told what."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.backups, self.figures_folder = folder / "app" / "backups", folder / "figures"
        self.figures_folder.mkdir()
        self.backups.mkdir(parents=True)
        raw = {"host": "aipbx.org", "app_dir": str(folder / "app")}
        monkeypatch.setattr(metrics, "FOLDER", self.figures_folder)
        self.config = Config(raw, {}, {})
        self.told: list[str] = []
        monkeypatch.setattr(notify, "send", lambda _, title, text: self.told.append(f"{title}: {text}"))

    @property
    def figures(self) -> dict[str, float]:
        lines = (self.figures_folder / "aipbx_backup.prom").read_text().splitlines()
        values = [line.split() for line in lines if not line.startswith("#")]
        assert all(FIGURE.fullmatch(" ".join(value)) for value in values), values
        assert len(lines) == 3 * len(values)
        return {name.removeprefix("aipbx_backup_"): float(value) for name, value in values}

    @property
    def state(self) -> dict[str, Any]:
        return run_state.state(self.config, "backup")

    def run(self, problem: Exception | None = None, *, attended: bool = False) -> None:
        """A run that ends so."""
        with suppress(AgentError, OSError), run_state.recorded(self.config, "backup", attended=attended) as run:
            run.begun()
            if problem:
                raise problem


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    for name in ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS", "INVOCATION_ID"):
        monkeypatch.delenv(name, raising=False)
    return Host(tmp_path, monkeypatch)


def ended(monkeypatch: pytest.MonkeyPatch, result: str, code: str, status: str, invocation: str = "") -> None:
    """What systemd says of a unit that ended."""
    for name, value in {"SERVICE_RESULT": result, "EXIT_CODE": code, "EXIT_STATUS": status}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("INVOCATION_ID", invocation)


def test_a_run_that_goes_well_notifies_no_one(host: Host) -> None:
    made(host.backups)
    host.run()
    assert (host.state["ok"], host.state["running"], host.told) == (True, False, [])
    assert host.figures == {
        "last_success_timestamp_seconds": sets.moment_of("20261123T030000Z").timestamp(),
        "last_run_ok": 1,
        "seconds": 1.5,
        "bytes": 5,
        "sets": 1,
        "verified_timestamp_seconds": 0,
    }
    assert (host.figures_folder / "aipbx_backup.prom").stat().st_mode & 0o777 == 0o644


def test_verified_is_the_newest_that_was_found_equal(host: Host) -> None:
    for day, ok in ((20, True), (21, True), (22, False)):
        path = made(host.backups, f"202611{day}T030000Z")
        files.write_json(path / sets.VERIFIED, {"ok": ok})
    host.run()
    assert host.figures["verified_timestamp_seconds"] == sets.moment_of("20261121T030000Z").timestamp()
    assert host.figures["sets"] == 3


@pytest.mark.parametrize("problem", [BROKEN, OSError(28, "No space left on device")])
@pytest.mark.parametrize("attended", [True, False])
def test_a_failure_is_loud(host: Host, problem: Exception, attended: bool) -> None:
    host.run(problem, attended=attended)
    assert host.figures["last_run_ok"] == 0
    assert host.state["ok"] is False
    assert len(host.told) == 1
    assert host.told[0].startswith("aipbx.org: backup failed: ")


def test_what_it_was_about_comes_first(host: Host) -> None:
    problem = Failed("a", "b", "c")
    problem.about = "deploy by anna\n"
    host.run(problem)
    assert host.told == [f"aipbx.org: backup failed: deploy by anna\n{problem}"]
    assert "anna" not in host.state["error"]


def test_a_refusal_is_reported_only_when_no_operator_sees_it(host: Host) -> None:
    host.run()
    host.run(Refused("Another run is at it.", "b", "c"), attended=True)
    assert (host.told, host.state["ok"], host.state["running"]) == ([], True, False)
    host.run(Refused("Another run is at it.", "b", "c"))
    assert "Another run is at it." in host.told[0]


def test_a_full_disk_does_not_keep_a_notice_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sets, "write_json", full)
    host.figures_folder.rename(host.figures_folder.with_name("gone"))
    host.run(BROKEN)
    assert len(host.told) == 1


@pytest.mark.parametrize(
    ("result", "code", "status"),
    [("signal", "killed", "KILL"), ("timeout", "killed", "TERM"), ("oom-kill", "killed", "KILL"),
     ("exit-code", "exited", "1")],
)  # fmt: skip
def test_a_killed_run_is_reported_by_the_next_one(
    host: Host, monkeypatch: pytest.MonkeyPatch, result: str, code: str, status: str
) -> None:
    monkeypatch.setenv("INVOCATION_ID", "one")
    run_state.Run(host.config, "backup").begun()
    ended(monkeypatch, result, code, status, "one")
    run_state.after(host.config, "backup")
    assert len(host.told) == 1
    assert f"systemd says: {result} ({code} {status})" in host.told[0]
    assert (host.state["running"], host.figures["last_run_ok"]) == (False, 0)
    run_state.after(host.config, "backup")
    assert len(host.told) == 1


def test_a_run_that_never_began_is_reported_too(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.run()
    ended(monkeypatch, "exit-code", "exited", "127", "two")
    run_state.after(host.config, "backup")
    assert "did not begin" in host.told[0]


@pytest.mark.parametrize(("result", "status"), [("success", "0"), ("exit-code", "2")])
def test_what_ended_well_or_was_refused_is_reported_once(
    host: Host, monkeypatch: pytest.MonkeyPatch, result: str, status: str
) -> None:
    ended(monkeypatch, result, "exited", status, "two")
    run_state.after(host.config, "backup")
    assert host.told == []


def test_a_failure_that_was_reported_is_not_reported_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOCATION_ID", "one")
    host.run(BROKEN)
    ended(monkeypatch, "exit-code", "exited", "1", "one")
    run_state.after(host.config, "backup")
    assert len(host.told) == 1


def test_a_run_that_a_reboot_ended_is_reported_by_the_next_run(host: Host) -> None:
    run_state.Run(host.config, "backup").begun()
    host.run()
    assert "never ended" in host.told[0]
    assert host.state["ok"] is True
