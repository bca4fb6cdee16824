"""A large file arrives whole or not at all, in both directions. ssh is a stand-in that runs the command here."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fleet.errors import FailedError, OperatorError
from fleet.remote import Remote
from fleet.ssh import ssh
from fleet.transfer import transfer
from tests.unit.shell import stub, stub_ssh

CONTENT = os.urandom(700_000)


class Host:
    """This machine, in the place of a host."""

    name = "aipbx.org"

    def __init__(self, spare: int = 1) -> None:
        self.settings = SimpleNamespace(deploy_user="deploy", min_free_disk_mib=spare)


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    line(tmp_path)
    stub(tmp_path / "bin", "sudo", 'shift; exec "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("AIPBX_SSH_CONFIG", raising=False)
    # The stand-in cannot say which keys open the host (ssh -G), and another test may have asked before.
    monkeypatch.setattr(ssh, "_few_keys", lambda *_: [])
    return cast("Remote", Host())


def line(folder: Path, before: str = "", after: str = "") -> None:
    """What stands between here and the host: a whole line, or one that cuts off or changes what passes."""
    stub_ssh(folder / "bin", f'for last in "$@"; do :; done; {before} sh -c "$last" {after}')


def fetch(remote: Remote, place: Path, path: Path) -> None:
    """Bring a host's file here, as a set comes."""
    with transfer.arriving(path, 1) as aside:
        transfer.stream(remote, f"cat {shlex.quote(str(place))}", aside, len(CONTENT), path.name)


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "here" / "it's a dump.tar"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def test_a_file_goes_there_and_comes_back(remote: Remote, tmp_path: Path, file: Path) -> None:
    place = tmp_path / "there" / "incoming" / file.name
    transfer.upload(remote, file, str(place))
    assert place.read_bytes() == CONTENT
    assert place.stat().st_mode & 0o777 == 0o600
    assert there(tmp_path / "there") == [file.name]
    back = tmp_path / "back" / "x.tar"
    fetch(remote, place, back)
    assert back.read_bytes() == CONTENT
    assert back.stat().st_mode & 0o777 == 0o600
    assert there(tmp_path / "back") == ["x.tar"]


@pytest.mark.parametrize("before", ["head -c 300000 |", "head -c 0 |", "tr x y |", "exit 255;"])
def test_what_does_not_arrive_there_whole_leaves_what_was_there(
    remote: Remote, tmp_path: Path, file: Path, before: str
) -> None:
    place = tmp_path / "there" / "x.tar"
    place.parent.mkdir()
    place.write_text("old")
    line(tmp_path, before=before)
    with pytest.raises(FailedError, match="was not transferred completely"):
        transfer.upload(remote, file, str(place))
    assert place.read_text() == "old"
    assert there(tmp_path / "there") == ["x.tar"]


def test_a_host_without_room_is_not_filled(remote: Remote, tmp_path: Path, file: Path) -> None:
    with pytest.raises(OperatorError, match=r"has no room for it's a dump\.tar") as refused:
        transfer.upload(cast("Remote", Host(spare=1 << 40)), file, str(tmp_path / "there" / "x.tar"))
    assert type(refused.value) is OperatorError
    assert there(tmp_path / "there") == []


def test_a_file_that_is_not_there_is_refused(remote: Remote, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read"):
        transfer.upload(remote, tmp_path / "none", str(tmp_path / "there" / "x"))
    with pytest.raises(FailedError, match="was not transferred completely"):
        fetch(remote, tmp_path / "none", tmp_path / "back" / "x")
    assert there(tmp_path / "back") == []


def test_a_line_that_breaks_leaves_nothing_here(remote: Remote, tmp_path: Path, file: Path) -> None:
    # A line that ends early without a word, or changes what passes, archive.check finds.
    line(tmp_path, after="; exit 255")
    with pytest.raises(FailedError, match="was not transferred completely"):
        fetch(remote, file, tmp_path / "back" / "x.tar")
    assert there(tmp_path / "back") == []


def test_ctrl_c_leaves_nothing(remote: Remote, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(remote, file, tmp_path / "back" / "x.tar")
    with pytest.raises(KeyboardInterrupt):
        transfer.upload(remote, file, str(tmp_path / "there" / "x.tar"))
    assert there(tmp_path / "back") == there(tmp_path / "there") == []


def test_nothing_here_is_overwritten(remote: Remote, tmp_path: Path, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(OperatorError, match="exists already"):
        fetch(remote, file, file)
    assert file.read_bytes() == before
    with pytest.raises(OperatorError, match="cannot be written"):
        fetch(remote, file, file / "below a file")


def test_no_room_here_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(OperatorError, match=r"There is no room for x\.tar"),
        transfer.arriving(tmp_path / "back" / "x.tar", 1 << 60),
    ):
        raise AssertionError
    assert there(tmp_path / "back") == []
