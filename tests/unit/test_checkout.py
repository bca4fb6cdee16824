"""Whose keys open the deploy account, and which ssh_config is used."""

from pathlib import Path

import pytest

from fleet import checkout as access
from fleet.errors import OperatorError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxK ada@laptop"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ssh_config").write_text("")
    (tmp_path / "operators").mkdir()
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    return tmp_path


def test_keys_are_read_from_every_file_in_order(folder: Path) -> None:
    (folder / "operators" / "b.pub").write_text(f"{KEY}-b\n")
    (folder / "operators" / "a.pub").write_text(f"# Ada\n\n{KEY}-a\n")
    assert access.operator_keys() == [f"{KEY}-a", f"{KEY}-b"]


@pytest.mark.parametrize(
    "line",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        f'command="/bin/sh" {KEY}',
        "ssh-dss AAAAB3 old@key",
        "ssh-ed25519",
    ],
)
def test_anything_but_a_plain_public_key_is_refused(folder: Path, line: str) -> None:
    (folder / "operators" / "a.pub").write_text(line)
    with pytest.raises(OperatorError, match=r"a\.pub, line 1, is not a public key"):
        access.operator_keys()


@pytest.fixture
def checkout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = folder / "checkout"
    for name in ("group_data/all.py", "inventory.py", "config.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    (folder / "env").mkdir()
    (folder / "operators" / "ada.pub").write_text(KEY)
    for path in folder.rglob("*"):
        path.chmod(0o755)
    monkeypatch.setattr(access, "ROOT", root)
    return root


@pytest.mark.parametrize(
    "path",
    [
        *["../ssh_config", "..", "../operators", "../operators/ada.pub", "../env", "inventory.py", "config.py", "."],
        *["group_data", "group_data/all.py"],
    ],
)
def test_what_every_user_can_write_is_refused(path: str, checkout: Path) -> None:
    access.refuse_open_files()
    (checkout / path).chmod(0o757)
    with pytest.raises(OperatorError, match="can be written by every user") as refused:
        access.refuse_open_files()
    assert "chmod o-w" in refused.value.do


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ada", "-----BEGIN OPENSSH PRIVATE KEY-----\n", "is a private key"),
        ("bob", KEY, "does not count as an operator's key"),
    ],
)
def test_in_operators_only_public_keys_lie(name: str, content: str, said: str, checkout: Path) -> None:
    (checkout.parent / "operators" / "README.md").write_text("x")
    access.refuse_open_files()
    (checkout.parent / "operators" / name).write_text(content)
    with pytest.raises(OperatorError, match=said):
        access.refuse_open_files()


def test_no_key_at_all_is_refused(folder: Path) -> None:
    with pytest.raises(OperatorError, match="No operator's public key"):
        access.operator_keys()


def test_without_operators_beside_the_ssh_config_those_of_the_repository_count(folder: Path) -> None:
    (folder / "operators").rmdir()
    assert access.operators_directory() == access.ROOT / "operators"


def test_an_ssh_config_that_is_not_there_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(folder / "missing"))
    with pytest.raises(OperatorError, match="There is no ssh_config"):
        access.ssh_config_path()


def test_env_files_stand_beside_the_ssh_config_too(folder: Path) -> None:
    assert access.directory_in_use("env") == access.ROOT / "env"
    (folder / "env").mkdir()
    assert access.directory_in_use("env") == folder / "env"


def test_a_folder_for_what_is_known_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(OperatorError, match=r"file/aipbx-fleet cannot be made"):
        access.state_directory()


def test_keys_of_ci_are_their_own(folder: Path) -> None:
    assert access.ci_keys() == []
    (folder / "operators" / "ci").mkdir()
    (folder / "operators" / "ada.pub").write_text(KEY)
    (folder / "operators" / "ci" / "runner.pub").write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOther ci\n")
    assert access.ci_keys() == ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOther ci"]
    assert access.operator_keys() == [KEY]
    (folder / "operators" / "ci" / "runner.pub").write_text(f"{KEY}-under-another-name\n")
    with pytest.raises(OperatorError, match="opens the operators' account, too"):
        access.ci_keys()


def test_ci_s_keys_are_refused_when_everyone_can_write_them(checkout: Path, folder: Path) -> None:
    (folder / "operators" / "ci").mkdir(mode=0o755)
    key = folder / "operators" / "ci" / "runner.pub"
    key.write_text(KEY)
    key.chmod(0o646)
    with pytest.raises(OperatorError, match=r"runner\.pub can be written by every user"):
        access.refuse_open_files()
    key.chmod(0o644)
    access.refuse_open_files()
    (folder / "operators" / "ci" / "runner").write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    with pytest.raises(OperatorError, match="is a private key"):
        access.refuse_open_files()


def test_only_ci_is_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIPBX_USER", raising=False)
    assert not access.is_ci()
    monkeypatch.setenv("AIPBX_USER", "ci")
    assert access.is_ci()
    monkeypatch.setenv("AIPBX_USER", "root")
    with pytest.raises(OperatorError, match="AIPBX_USER is 'root'"):
        access.is_ci()
