"""What `inv setup` does with the steps: runs them in order, stops at the first that fails, skips what is done."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from invoke.exceptions import Exit

from fleet.command_line import dry_run
from fleet.env import findings
from fleet.env.dotenv import files
from fleet.env.secret_store import merging
from fleet.errors import OperatorError
from fleet.remote import Remote
from fleet.setup import run
from fleet.setup.steps import State
from fleet.status import doctor_host
from fleet.status.finding import Finding
from tests.unit.shell import stub

HOST = cast("Remote", SimpleNamespace(name="aipbx.org", settings=SimpleNamespace(tls="letsencrypt", secrets_from=None)))
FRESH = State(file="env/aipbx.org.env")
UNTIL = datetime(2027, 2, 27, tzinfo=UTC)
DEPLOYED = State(True, [], True, FRESH.file, certificate_until=UNTIL, release="backend 1a, frontend 2b")


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What was typed, a line each; `inv deploy` ends as the file `code` says."""
    record = tmp_path / "typed"
    (tmp_path / "code").write_text("0")
    for program in ("inv", "pyinfra"):
        script = f'echo {program} "$@" >>{record}; [ "$1" != deploy ] || exit $(cat {tmp_path}/code)'
        stub(tmp_path, program, script)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(run, "refuse_by_hand", lambda _: None)
    monkeypatch.setattr(doctor_host, "users", lambda _: [Finding("users: call", "no PBX is connected", do="add one")])
    return record


def found(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    """Have the host be like this."""
    monkeypatch.setattr(run, "look", lambda _: state)


def test_all_steps_run_in_order_and_are_agreed_to(typed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, FRESH)
    run.carry_out(HOST, yes=True)
    assert typed.read_text().splitlines() == [
        "pyinfra inventory.py deploys/bootstrap.py --limit aipbx.org -y",
        "inv env.push --host=aipbx.org --yes",
        "inv deploy --host=aipbx.org --yes",
    ]


def test_a_deployed_host_is_asked_nothing(
    typed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, DEPLOYED)
    run.carry_out(HOST, yes=False)
    assert not typed.exists()
    shown = capsys.readouterr().err
    assert "deploy       done: backend 1a, frontend 2b" in shown
    assert "users: call: no PBX is connected" in shown


def test_a_step_that_fails_ends_it_with_its_exit_code(
    typed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, State(True, [], True, FRESH.file))
    (typed.parent / "code").write_text("2")
    with pytest.raises(Exit) as ended:
        run.carry_out(HOST, yes=True)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == "inv setup --host=aipbx.org continues from here."


def test_a_certificate_is_obtained_without_an_answer(typed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, State(True, [], True, FRESH.file, release=DEPLOYED.release))
    run.carry_out(HOST, yes=True)
    assert typed.read_text() == "inv tls.issue --host=aipbx.org\n"


def test_without_an_env_file_one_is_made_and_the_host_left_alone(typed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*_: Any) -> None:
        raise OperatorError("3 errors.", "ADMIN_EMAIL still is a placeholder", "inv env.edit --host=aipbx.org")

    found(monkeypatch, State())
    monkeypatch.setattr(merging, "load", loaded)
    with pytest.raises(OperatorError) as refused:
        run.carry_out(HOST, yes=True)
    assert typed.read_text() == "inv env.init --host=aipbx.org\n"
    assert refused.value.do.split("\n         ") == [
        "inv env.edit --host=aipbx.org",
        "Then inv setup --host=aipbx.org continues from here.",
    ]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """Someone at a terminal, who answers `answer`; an env file whose errors are gone once it was edited."""
    there = SimpleNamespace(answer="y", path=tmp_path / "aipbx.org.env")

    def checked(_: Any) -> None:
        if "env.edit" not in (tmp_path / "typed").read_text():
            raise OperatorError("aipbx.org: 1 error.", "ADMIN_EMAIL still is a placeholder", "inv env.edit")

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: there.answer)
    monkeypatch.setattr(merging, "load", lambda *_: None)
    monkeypatch.setattr(files, "load", lambda _: there)
    monkeypatch.setattr(files, "paths", lambda _: (there.path, there.path))
    monkeypatch.setattr(findings, "checked", checked)
    return there


def test_at_a_terminal_a_new_env_file_is_filled_in_and_the_rest_follows(
    typed: Path, terminal: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, State())
    run.carry_out(HOST, yes=False)
    assert typed.read_text().splitlines() == [
        "inv env.init --host=aipbx.org",
        "inv env.edit --host=aipbx.org",
        "pyinfra inventory.py deploys/bootstrap.py --limit aipbx.org",
        "inv env.push --host=aipbx.org",
        "inv deploy --host=aipbx.org",
    ]


def test_errors_of_an_env_file_can_be_left_for_later(
    typed: Path, terminal: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, FRESH)
    typed.write_text("")
    terminal.path.touch()
    terminal.answer = "n"
    with pytest.raises(OperatorError) as refused:
        run.carry_out(HOST, yes=False)
    assert typed.read_text() == ""
    assert "ADMIN_EMAIL still is a placeholder" in capsys.readouterr().err
    assert refused.value.do.endswith("Then inv setup --host=aipbx.org continues from here.")


def test_ctrl_c_at_a_question_says_how_to_go_on(
    typed: Path, terminal: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(_: str) -> str:
        raise KeyboardInterrupt

    terminal.path.touch()
    typed.write_text("")
    monkeypatch.setattr("builtins.input", pressed)
    with pytest.raises(KeyboardInterrupt, match=r"inv setup .* continues from here"):
        run.carry_out(HOST, yes=False)


def test_a_dry_run_ends_at_the_first_step(typed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, State())
    with dry_run.only_shown(True), pytest.raises(Exit) as ended:
        run.carry_out(HOST, yes=True)
    assert ended.value.code == 0
    assert not typed.exists()


def test_without_a_terminal_nothing_is_begun(typed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, FRESH)
    with pytest.raises(OperatorError, match="no terminal for the confirmation"):
        run.carry_out(HOST, yes=False)
    assert not typed.exists()
