"""A moment on its way to something that can be restored: what the servers are told, and what is refused."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.backup import sets
from aipbx_agent.core import events, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.pitr import archive, collect, prune_arrived, recovery_server, targets
from aipbx_agent.pitr.recovery_server import Recovery
from aipbx_agent.pitr.segments import BYTES, Base, Segment
from aipbx_agent.pitr.window import Needed
from aipbx_agent.restore import from_moment
from tests.unit.agent.pitr.test_window import SYSTEM, at, closed, log, made

NAME = "000000010000000000000007"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    raw: dict[str, Any] = {
        "host": "aipbx.org",
        "app_dir": str(tmp_path),
        "wal_keep_days": 7,
        "wal_max_mib": 1000,
        "verify_memory_mib": 768,
        "verify_cpus": 1.0,
    }
    found = Config(raw, {}, {})
    for folder in (archive.base(found), archive.wal(found), archive.spool(found), sets.folder(found.backups)):
        folder.mkdir(parents=True)
    monkeypatch.setattr(collect, "LOCK", tmp_path / "lock")
    return found


def keep(config: Config, bases: list[Base], there: list[Segment]) -> None:
    for base in bases:
        (archive.base(config) / f"{base.name}{archive.TAR}").write_bytes(b"x" * base.bytes)
        files.write_json(
            archive.base(config) / f"{base.name}{archive.LABEL}", {"last": base.last, "bytes": base.bytes, "host": "h"}
        )
    for one in there:
        (archive.wal(config) / f"{one.name}{archive.PACKED}").touch()


def handed_over(config: Config, content: bytes = b"", name: str = NAME) -> Path:
    """What PostgreSQL puts there, closed at a known moment."""
    head = b"\x13\xd1\x02\x00" + (1).to_bytes(4, "little") + (7 * BYTES).to_bytes(8, "little") + bytes(8)
    head += SYSTEM.to_bytes(8, "little") + BYTES.to_bytes(4, "little") + (8192).to_bytes(4, "little")
    path = archive.spool(config) / name
    path.write_bytes((head + content).ljust(BYTES, b"\0"))
    os.utime(path, (at(7).timestamp() + 0.9, at(7).timestamp() + 0.9))
    return path


def packed(path: Path) -> Path:
    """The same as an image with zstd puts it there (files/postgres/archive.sh)."""
    subprocess.run(["zstd", "-q", "--rm", "-o", f"{path}.packed", path], check=True, timeout=20)
    return path.with_name(f"{path.name}.packed").rename(path)


@pytest.mark.parametrize("comes", [("packed", "packed"), ("raw", "packed"), ("packed", "raw"), ("raw", "raw")])
def test_a_segment_is_taken_over_and_the_same_again_is_only_deleted(config: Config, comes: tuple[str, str]) -> None:
    for how in comes:
        path = handed_over(config)
        if how == "packed":
            packed(path)
        collect.take(config)
        assert list(archive.kept_segments(archive.wal(config))) == [closed(7)]
        assert list(archive.spool(config).iterdir()) == []
    (path,) = archive.kept_segments(archive.wal(config)).values()
    assert path.stat().st_size < BYTES // 100


def test_another_segment_of_that_name_is_kept_where_it_is_and_reported(config: Config) -> None:
    handed_over(config)
    collect.take(config)
    other, label = handed_over(config, b"other"), archive.spool(config) / f"{NAME}.00000028.backup"
    label.touch()
    with pytest.raises(Failed, match="cannot be stored") as caught:
        collect.take(config)
    assert "is stored already" in caught.value.why
    assert other.exists()
    assert not label.exists()


@pytest.mark.parametrize("cut", [10, BYTES - 1])
@pytest.mark.parametrize("how", ["raw", "packed", "packed, then cut", "packed, a bit flipped"])
def test_what_is_no_whole_segment_is_not_kept(config: Config, cut: int, how: str) -> None:
    path = handed_over(config, os.urandom(BYTES // 4))
    if how == "raw":
        path.write_bytes(path.read_bytes()[:cut])
    elif how == "packed":
        path.write_bytes(path.read_bytes()[:cut])
        packed(path)
    else:
        whole = packed(path).read_bytes()
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        path.write_bytes(whole[: min(cut, len(whole) - 1)] if "cut" in how else flipped)
    with pytest.raises(Failed, match="cannot be stored"):
        collect.take(config)
    assert list(archive.wal(config).iterdir()) == []
    assert path.exists()


def test_a_base_backup_counts_only_with_its_description_and_its_length(config: Config) -> None:
    keep(config, [made(1), made(2), made(3)], [])
    (archive.base(config) / f"{made(1).name}{archive.LABEL}").unlink()
    (archive.base(config) / f"{made(2).name}{archive.TAR}").write_bytes(b"x")
    assert archive.kept_bases(archive.base(config)) == [made(3)]


def test_what_need_not_stay_goes(config: Config) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    first = Base(Segment(SYSTEM, 1, 1, now - timedelta(days=30)), 1, 5)
    second = Base(Segment(SYSTEM, 1, 4, now - timedelta(days=8)), 4, 5)
    there = [Segment(SYSTEM, 1, number, now - timedelta(days=8)) for number in (1, 3, 4, 5)]
    keep(config, [first, second], there)
    assert archive.prune(config) == sorted([first.name, there[0].name, there[1].name])
    assert archive.kept_bases(archive.base(config)) == [second]
    assert sorted(archive.kept_segments(archive.wal(config))) == there[2:]


def told(config: Config, when: datetime, capsys: pytest.CaptureFixture[str]) -> str:
    name = f"@{when:%Y-%m-%dT%H:%M:%SZ}"
    targets.main(config, type("Options", (), {"at": name}))  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_a_moment_that_is_there_in_what_is_written_at_present_and_outside(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_as_json", False)
    keep(config, [made(2)], log(2, 3, 4))
    (sets.folder(config.backups) / "20261123T000100Z").mkdir()
    (sets.folder(config.backups) / "20261123T000100Z" / sets.MANIFEST).touch()
    found = told(config, at(3), capsys)
    assert '"segments": 3' in found
    assert '"set": "20261123T000100Z"' in found
    assert '"segments": null' in told(config, at(9), capsys)
    with pytest.raises(Refused, match=r"cannot be restored on aipbx\.org") as caught:
        told(config, at(1), capsys)
    assert "from 2026-11-23T00:02:10Z to 2026-11-23T00:03:59Z" in caught.value.why


def test_after_a_gap_the_present_is_no_moment_before_the_next_base_backup(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(config, [made(2)], log(2, 3, 5))
    with pytest.raises(Refused) as caught:
        told(config, at(9), capsys)
    assert "Missing: 000000010000000000000004 to 000000010000000000000004." in caught.value.why


def test_the_settings_of_the_server(config: Config, tmp_path: Path) -> None:
    what = Recovery(at(3), Needed(made(2), log(2, 3, 4)), tmp_path, tmp_path)
    assert recovery_server.settings(what, target=True) == (
        "restore_command = 'zstd -dc /wal/6f00000000000001-%f-*.wal.zst >\"%p\"'\n"
        "recovery_target_timeline = 'current'\n"
        "recovery_target_action = 'promote'\n"
        "recovery_target_time = '2026-11-23 00:03:00.000000+00'\n"
    )
    assert "recovery_target_time =" not in recovery_server.settings(what, target=False)
    assert what.covered == 5 * BYTES
    words = recovery_server.command(config, "postgres:16", tmp_path)
    assert words[words.index("--network") + 1] == "none"
    assert "archive_mode=off" in words


def test_a_file_for_a_recovery_target_is_known_by_its_first_member(tmp_path: Path) -> None:
    path = tmp_path / "brought"
    path.write_bytes(b"nothing")
    assert not from_moment.is_for(path)
    for name, expected in ((from_moment.LABEL, True), (sets.MANIFEST, False)):
        with tarfile.open(path, "w") as tar:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
        assert from_moment.is_for(path) is expected


def test_a_peer_deletes_by_arrival_and_only_what_a_later_base_backup_makes_needless(tmp_path: Path) -> None:
    now = datetime.now(UTC)

    def arrived(folder: str, name: str, days: float) -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        when = (now - timedelta(days=days)).timestamp()
        os.utime(path, (when, when))
        return path

    bases = [arrived("base", f"{number}{archive.LABEL}", days) for number, days in ((1, 12), (2, 9), (3, 1))]
    old, needed = arrived("wal", "aaa.wal.zst.age", 11), arrived("wal", "bbb.wal.zst.age", 9.5)
    assert prune_arrived.old(tmp_path, 7) == sorted([bases[0], old])
    assert prune_arrived.old(tmp_path, 30) == []
    assert needed.exists()


@pytest.mark.parametrize("order", [(2, 3), (3, 2)])
def test_a_base_backup_whose_segments_were_closed_in_one_second_is_followed_to_the_last(
    config: Config, monkeypatch: pytest.MonkeyPatch, order: tuple[int, int]
) -> None:
    there = [Segment(SYSTEM, 1, number, at(2)) for number in order]
    keep(config, [made(2)], [])
    monkeypatch.setattr(archive, "kept_segments", lambda _: dict.fromkeys(there, Path()))
    assert targets.is_open(config, at(4))
