"""What the application wrote is held as it is at a moment, whatever it does meanwhile."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from aipbx_agent.backup import volumes
from aipbx_agent.backup.volumes import Held
from aipbx_agent.core.errors import Failed


@pytest.fixture
def volume(tmp_path: Path) -> Held:
    live = tmp_path / "volume" / "_data"
    (live / "org-documents").mkdir(parents=True)
    (live / "org-documents" / "счёт 1.pdf").write_text("paid")
    (live / "face.png").write_text("face")
    (live / "newest.png").symlink_to("face.png")
    os.mkfifo(live / "pipe")
    return Held("static", live, tmp_path / "volume" / ".aside-backup")


def unpacked(archive: Path, folder: Path) -> dict[str, str]:
    folder.mkdir()
    command = ["tar", "--extract", "--use-compress-program=zstd", "--file", str(archive), "--directory", str(folder)]
    subprocess.run(command, check=True, timeout=20)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_all_of_it_comes_back(volume: Held, tmp_path: Path) -> None:
    (volume.live / "org-documents").chmod(0o2770)
    volume.hold()
    counted = volume.pack(tmp_path / "x.tar.zst")
    assert counted == {"files": 3, "bytes": 16, "changed": 0}
    assert unpacked(tmp_path / "x.tar.zst", tmp_path / "back") == {
        "org-documents/счёт 1.pdf": "paid", "face.png": "face", "newest.png": "face"
    }  # fmt: skip
    assert (tmp_path / "back" / "newest.png").readlink() == Path("face.png")
    assert (tmp_path / "back" / "org-documents").stat().st_mode & 0o7777 == 0o2770


def test_what_goes_and_comes_while_it_is_held(volume: Held, tmp_path: Path) -> None:
    volume.hold()
    (volume.live / "face.png").unlink()
    (volume.live / "org-documents" / "счёт 1.pdf").rename(volume.live / "moved.pdf")
    (volume.live / "org-documents").rmdir()
    (volume.live / "new.pdf").write_text("new")
    volume.hold()
    (volume.live / "later.pdf").write_text("later")
    (volume.live / "new.pdf").unlink()
    volume.pack(tmp_path / "x.tar.zst")
    assert unpacked(tmp_path / "x.tar.zst", tmp_path / "back") == {
        "org-documents/счёт 1.pdf": "paid", "moved.pdf": "paid", "face.png": "face", "newest.png": "face",
        "new.pdf": "new",
    }  # fmt: skip


def test_a_file_that_is_replaced_is_held_as_it_is_at_the_moment(volume: Held, tmp_path: Path) -> None:
    volume.hold()
    (volume.live / "new").write_text("another face")
    (volume.live / "new").replace(volume.live / "face.png")
    (volume.live / "newest.png").unlink()
    (volume.live / "newest.png").mkdir()
    volume.hold()
    (volume.live / "new").write_text("a third")
    (volume.live / "new").replace(volume.live / "face.png")
    volume.pack(tmp_path / "x.tar.zst")
    back = unpacked(tmp_path / "x.tar.zst", tmp_path / "back")
    assert back["face.png"] == "another face"
    assert (tmp_path / "back" / "newest.png").is_dir()


def test_a_file_that_is_written_to_is_noted(volume: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume.hold()
    with (volume.live / "face.png").open("a") as file:
        file.write(" with a hat")
    assert volume.pack(tmp_path / "x.tar.zst")["changed"] == 1
    assert "'face.png' was written to" in capsys.readouterr().out


def test_where_there_can_be_no_links_the_files_themselves_are_read(
    volume: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def other_disk(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    volume.hold()
    assert not volume.links.exists()
    assert "cannot be held still" in capsys.readouterr().out
    assert volume.pack(tmp_path / "x.tar.zst")["bytes"] == 16


def test_an_archive_that_is_not_whole_is_refused(volume: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume.hold()
    monkeypatch.setattr(volumes, "run", lambda *_, **__: b"./\n./face.png\n")
    with pytest.raises(Failed, match="incomplete"):
        volume.pack(tmp_path / "x.tar.zst")


def test_an_empty_volume_is_an_archive_too(tmp_path: Path) -> None:
    live = tmp_path / "v" / "_data"
    live.mkdir(parents=True)
    empty = Held("tts", live, tmp_path / "v" / ".aside-backup")
    empty.hold()
    assert empty.pack(tmp_path / "x.tar.zst") == {"files": 0, "bytes": 0, "changed": 0}
    assert unpacked(tmp_path / "x.tar.zst", tmp_path / "back") == {}
