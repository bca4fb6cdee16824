"""The team's own programs around a release."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest

from aipbx_agent.release.releases import Release
from fleet.checkout import ROOT
from fleet.errors import OperatorError
from fleet.release import hooks
from fleet.release.plan import Plan

OLD, NEW = Release("a" * 40, "b" * 40), Release("c" * 40, "b" * 40)
TOLD = hooks.environment(Plan("aipbx.org", "deploy", OLD, NEW), "anna@laptop")


def hook(root: Path, moment: str, script: str, mode: int = 0o755) -> None:
    (root / "hooks").mkdir(exist_ok=True)
    program = root / "hooks" / moment
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(mode)


def test_the_variables_of_a_hook() -> None:
    assert TOLD["AIPBX_BACKEND_BEFORE"] == OLD.backend
    assert TOLD["AIPBX_BACKEND"] == NEW.backend
    assert (TOLD["AIPBX_HOST"], TOLD["AIPBX_ACTION"], TOLD["AIPBX_SECONDS"]) == ("aipbx.org", "deploy", "")
    first = hooks.environment(Plan("aipbx.org", "deploy", None, NEW), "anna@laptop", "It is down.", 7)
    assert (first["AIPBX_FRONTEND_BEFORE"], first["AIPBX_PROBLEM"], first["AIPBX_SECONDS"]) == ("", "It is down.", "7")


def test_without_a_hook_nothing_runs(tmp_path: Path) -> None:
    hooks.run("pre-deploy", TOLD, tmp_path)


def test_a_hook_runs_in_the_checkout_with_its_variables(tmp_path: Path) -> None:
    hook(tmp_path, "post-deploy", 'echo "$AIPBX_OPERATOR $AIPBX_HOST" >seen')
    hooks.run("post-deploy", TOLD, tmp_path)
    assert (tmp_path / "seen").read_text() == "anna@laptop aipbx.org\n"


def test_pre_deploy_stops_what_was_about_to_begin(tmp_path: Path) -> None:
    hook(tmp_path, "pre-deploy", "echo no deploys on fridays; exit 3")
    with pytest.raises(OperatorError) as refused:
        hooks.run("pre-deploy", TOLD, tmp_path)
    assert refused.value.code == OperatorError.code
    assert "exit code 3" in refused.value.why
    assert "| no deploys on fridays" in refused.value.why


def test_a_hook_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    hook(tmp_path, "pre-deploy", "true", mode=0o644)
    with pytest.raises(OperatorError, match="refused") as refused:
        hooks.run("pre-deploy", TOLD, tmp_path)
    assert "chmod +x" in refused.value.why
    (tmp_path / "hooks" / "pre-deploy").write_text("#!/no/such/shell\n")
    (tmp_path / "hooks" / "pre-deploy").chmod(0o755)
    with pytest.raises(OperatorError) as refused:
        hooks.run("pre-deploy", TOLD, tmp_path)
    assert "cannot be run" in refused.value.why


def test_a_hook_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "SECONDS", 0.2)
    hook(tmp_path, "pre-deploy", "exec sleep 60")
    with pytest.raises(OperatorError) as refused:
        hooks.run("pre-deploy", TOLD, tmp_path)
    assert "did not end within" in refused.value.why


@pytest.mark.parametrize("moment", ["post-deploy", "on-failure"])
def test_afterwards_a_failing_hook_is_reported_and_changes_nothing(
    tmp_path: Path, moment: hooks.Moment, capsys: pytest.CaptureFixture[str]
) -> None:
    hook(tmp_path, moment, "echo out of paper >&2; exit 1")
    hooks.run(moment, TOLD, tmp_path)
    told = capsys.readouterr().err
    assert f"hooks/{moment} failed, which changes nothing on aipbx.org" in told
    assert "out of paper" in told


@pytest.mark.parametrize("moment", typing.get_args(hooks.Moment))
def test_samples_use_the_variables_of_hooks(moment: str) -> None:
    used = re.findall(r"\$\{?(AIPBX_[A-Z_]*[A-Z])", (ROOT / "hooks" / f"{moment}.sample").read_text("utf-8"))
    assert used
    assert set(used) <= set(TOLD)


def test_the_page_names_every_variable_of_hooks() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in TOLD)


def test_the_sample_of_post_deploy_writes_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    hook(tmp_path, "post-deploy", (ROOT / "hooks" / "post-deploy.sample").read_text("utf-8"))
    hooks.run("post-deploy", TOLD, tmp_path)
    assert f"backend {OLD.backend} -> {NEW.backend}" in (tmp_path / "aipbx-releases.log").read_text()
