"""Env files on the operator's side: found, kept private, encrypted to colleagues, edited in memory only."""

import json
import stat
import subprocess
from functools import partial
from pathlib import Path

import pyrage
import pytest

from fleet.env import findings, report
from fleet.env.dotenv import editing, encryption, files
from fleet.errors import OperatorError
from fleet.inventory.hosts import Host

AGE_KEY = pyrage.x25519.Identity.generate()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the env files stand; the operator's only key is an age key."""
    (tmp_path / "ssh_config").write_text("")
    (tmp_path / "env").mkdir()
    (tmp_path / "age.key").write_text(f"# created for a test\n{AGE_KEY}\n")
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "age.key"))
    return tmp_path / "env"


def ssh_key(path: Path, passphrase: str = "") -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True, timeout=30)
    return path.with_suffix(".pub").read_text()


def test_a_plain_file_is_private_and_read_back(folder: Path) -> None:
    path = files.paths("aipbx.org")[0]
    files.save(path, b"A='1'\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files.load("aipbx.org").values() == {"A": "1"}
    assert list(folder.iterdir()) == [path]


def test_a_file_that_others_can_read_is_an_error(folder: Path) -> None:
    path = files.paths("aipbx.org")[0]
    path.write_text("")
    path.chmod(0o644)
    first = findings.of(files.load("aipbx.org"))[0]
    assert (first.grave, first.do) == (True, f"chmod 600 {path}")


def test_values_that_reach_no_build_are_a_warning_where_images_are_pulled(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files.save(files.paths("aipbx.org")[0], b"FRONTEND_GA4_MEASUREMENT_ID='G-1'\nFRONTEND_API_URL='/api'\n")
    file = files.load("aipbx.org")
    report.warnings(file, "registry")
    warning = capsys.readouterr().out
    assert warning.startswith("    warning: line 1: FRONTEND_GA4_MEASUREMENT_ID has no effect: the host pulls images ")
    assert warning.count("\n") == 1
    report.findings(file, "registry")
    assert warning in capsys.readouterr().out
    report.findings(file, "build")
    report.warnings(file, "build")
    assert "has no effect" not in capsys.readouterr().out


def test_no_file_and_two_files_are_refused(folder: Path) -> None:
    with pytest.raises(OperatorError, match=r"There is no env file for aipbx\.org") as refused:
        files.load("aipbx.org")
    assert refused.value.do == "inv env.init --host=aipbx.org"
    for path in files.paths("aipbx.org"):
        path.write_text("")
    with pytest.raises(OperatorError, match="two env files"):
        files.load("aipbx.org")
    with pytest.raises(OperatorError, match="has an env file already"):
        files.refuse_existing("aipbx.org")


def test_all_errors_of_all_hosts_at_once(folder: Path) -> None:
    files.save(files.paths("aipbx.org")[0], b"PORT='1'\n")
    with pytest.raises(OperatorError, match="2 of 2 hosts") as refused:
        findings.all_checked({name: partial(files.load, name) for name in ("aipbx.org", "aipbx.ru")})
    assert "line 1: PORT must be 5005" in refused.value.why
    assert "DB_PASS is missing" in refused.value.why
    assert "There is no env file for aipbx.ru" in refused.value.why


def test_an_encrypted_file_holds_nothing_in_clear_and_opens_for_each_recipient(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colleague = ssh_key(tmp_path / "colleague")
    (folder / "recipients.txt").write_text(f"# who may read\n{AGE_KEY.to_public()}  # me\n\n{colleague}")
    path = files.paths("aipbx.org")[1]
    files.save(path, b"DB_PASS='hunter2'\n")
    assert b"hunter2" not in path.read_bytes()
    assert path.read_bytes().startswith(b"-----BEGIN AGE ENCRYPTED FILE-----")
    assert files.load("aipbx.org").values() == {"DB_PASS": "hunter2"}
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "colleague"))
    assert files.load("aipbx.org").values() == {"DB_PASS": "hunter2"}


def test_another_key_cannot_open_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "recipients.txt").write_text(f"{AGE_KEY.to_public()}\n")
    path = files.paths("aipbx.org")[1]
    files.save(path, b"A='1'\n")
    ssh_key(tmp_path / "stranger")
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "stranger"))
    with pytest.raises(OperatorError, match="Your keys do not open"):
        files.load("aipbx.org")


def test_a_key_with_a_passphrase_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh_key(tmp_path / "locked", "passphrase")
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "locked"))
    with pytest.raises(OperatorError, match="no key here to decrypt") as refused:
        encryption.unseal(b"", folder / "x")
    assert "has a passphrase" in refused.value.why


def test_an_operator_cannot_lock_themselves_out(folder: Path, tmp_path: Path) -> None:
    (folder / "recipients.txt").write_text(ssh_key(tmp_path / "colleague"))
    path = files.paths("aipbx.org")[1]
    with pytest.raises(OperatorError, match="could not read the encrypted file yourself"):
        files.save(path, b"A='1'\n")
    assert not path.exists()


@pytest.mark.parametrize("line", ["age1nonsense", "ssh-dss AAAA x", "AGE-SECRET-KEY-1AAAA", "hello"])
def test_a_recipient_that_is_none_is_refused(folder: Path, line: str) -> None:
    (folder / "recipients.txt").write_text(f"{AGE_KEY.to_public()}\n{line}\n")
    with pytest.raises(OperatorError, match=r"recipients\.txt, line 2, is not a public key"):
        encryption.recipients(folder)


def test_no_recipients_are_refused(folder: Path) -> None:
    with pytest.raises(OperatorError, match="There are no recipients"):
        encryption.recipients(folder)


def test_a_damaged_file_is_refused(folder: Path) -> None:
    (folder / "recipients.txt").write_text(f"{AGE_KEY.to_public()}\n")
    sealed = encryption.seal(b"A='1'\n", folder)
    with pytest.raises(OperatorError, match="is damaged"):
        encryption.unseal(sealed[: len(sealed) // 2], folder / "x")


def test_the_editor_works_in_memory_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "editor"
    script.write_text(
        f'#!/bin/sh\nstat -c "%a %n" "$1" > {tmp_path}/seen\nstat -f -c %T "$1" >> {tmp_path}/seen\n'
        'cp "$1" "$1~"\necho "B=2" >> "$1"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.delenv("VISUAL", raising=False)
    assert editing.edited(b"A=1\n", "aipbx.org.env", None) == b"A=1\nB=2\n"
    mode_and_path, kind = (tmp_path / "seen").read_text().splitlines()
    mode, _, path = mode_and_path.partition(" ")
    assert (mode, kind) == ("600", "tmpfs")
    assert not Path(path).parent.exists()


def test_without_a_memory_file_system_nothing_is_decrypted_to_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\n/dev/sda2 /dev/shm ext4 rw 0 0\n")
    assert editing.memory_directory(mounts) is None
    monkeypatch.setattr(editing, "memory_directory", lambda _: None)
    with pytest.raises(OperatorError, match="No memory file system"):
        editing.edited(b"A=1\n", "x", None)


@pytest.mark.parametrize(("name", "said"), [("false", "exit code 1"), ("/no/such/editor", "cannot be run")])
def test_an_editor_that_fails_saves_nothing(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", name)
    with pytest.raises(OperatorError, match=said):
        editing.edited(b"A=1\n", "x", None)


def test_vim_keeps_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "/usr/bin/vim -R")
    assert editing.editor() == ["/usr/bin/vim", "-R", "-n", "-i", "NONE", "--cmd", editing.VIM[-1]]


def test_a_script_gets_the_findings_of_each_host(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files.save(files.paths("aipbx.org")[0], b"NOTHING_OF_OURS=1\n")
    assert not report.check(
        [Host(name, (), {"images_from": "registry"}) for name in ("aipbx.org", "aipbx.ru")], as_json=True
    )
    told = json.loads(capsys.readouterr().out)
    assert told["aipbx.org"]["file"].endswith("aipbx.org.env")
    assert {"error"} <= {one["kind"] for one in told["aipbx.org"]["findings"]}
    assert all(one["why"] and one["do"] for one in told["aipbx.org"]["findings"])
    assert "There is no env file for aipbx.ru" in told["aipbx.ru"]["error"]
