"""Command lines that pyinfra would let pass with exit code 0."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.checkout import ROOT
from fleet.converge.connect import command_line
from fleet.errors import OperatorError

GOOD = {"inventory": "inventory.py", "operations": ("deploys/bootstrap.py",), "yes": True}


def refusal(interactive: bool = True, **changes: Any) -> str:
    with pytest.raises(OperatorError) as refused:
        command_line.check(GOOD | changes, interactive=interactive)
    return str(refused.value)


@pytest.fixture(autouse=True)
def in_the_repository_with_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Returns the file that holds the operator's key."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    (tmp_path / "ssh_config").touch()
    (tmp_path / "operators").mkdir()
    key = tmp_path / "operators" / "ada.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxK ada\n")
    return key


def test_a_run_that_would_leave_no_operator_a_key_is_refused(in_the_repository_with_a_key: Path) -> None:
    in_the_repository_with_a_key.unlink()
    assert "No operator's public key in" in refusal()
    command_line.check(GOOD | {"operations": ("exec", "--", "uptime")}, interactive=True)


def test_the_folder_of_keys_that_counts_is_named(
    in_the_repository_with_a_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("click.get_current_context", lambda: SimpleNamespace(params=GOOD | {"dry": True}))
    monkeypatch.setattr("pyinfra.logger.info", said.append)
    command_line.checked()
    assert said == [f"--> Operators' keys: 1 in {in_the_repository_with_a_key.parent}"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"limit": ("aipbx.org", "production")},
        {"limit": ("aipbx.*",)},
        {"dry": True, "yes": False},
        {"inventory": "@local"},
    ],
)
def test_passes(changes: dict[str, Any]) -> None:
    command_line.check(GOOD | changes, interactive=False)


def test_a_missing_inventory() -> None:
    assert "There is no inventory inventry.py." in refusal(inventory="inventry.py")


@pytest.mark.parametrize("name", ["aipbx.org", "aipbx.org,aipbx.ru"])
def test_a_host_in_place_of_the_inventory(name: str) -> None:
    assert f"pyinfra inventory.py deploys/bootstrap.py --limit {name}" in refusal(inventory=name)


def test_a_limit_with_a_typing_error() -> None:
    assert "Did you mean 'aipbx.org'?" in refusal(limit=("aipbx.og",))


def test_an_exclude_with_a_typing_error() -> None:
    assert "No host and no group is called 'aipbx.com'." in refusal(exclude=("aipbx.com",))


@pytest.mark.parametrize("pattern", ["aipbx.org,aipbx.ru", "all"])
def test_a_limit_that_pyinfra_reads_otherwise_than_it_looks(pattern: str) -> None:
    assert "Repeat the option for several hosts" in refusal(limit=(pattern,))


def test_no_wait_hides_failures() -> None:
    assert "--no-wait is not supported here." in refusal(no_wait=True)


def test_a_question_without_a_terminal() -> None:
    assert "There is no terminal for the confirmation." in refusal(interactive=False, yes=False)


def test_the_inventory_is_that_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "There is no inventory inventory.py." in refusal()


@pytest.mark.parametrize(
    ("question", "answer", "code"),
    [
        ("Detected changes displayed above, skip this step with -y", False, 2),
        ("Detected changes displayed above, skip this step with -y", True, None),
        ("One of more hosts failed, continue?", False, None),
    ],
)
def test_a_no_is_no_success(question: str, answer: bool, code: int | None) -> None:
    cli = SimpleNamespace(_do_confirm=lambda _: answer)
    command_line.end_where_declined(cli)
    if code is None:
        assert cli._do_confirm(question) is answer
    else:
        with pytest.raises(SystemExit) as ended:
            cli._do_confirm(question)
        assert ended.value.code == code


def test_pyinfra_asks_so() -> None:
    found = find_spec("pyinfra_cli")
    assert found
    assert found.origin
    text = (Path(found.origin).parent / "cli.py").read_text("utf-8")
    assert 'if not _do_confirm("Detected changes' in text
