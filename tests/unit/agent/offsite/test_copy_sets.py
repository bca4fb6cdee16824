"""Copies off a host: what is written in which order, and what each way to fail leaves behind."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.backup import sets
from aipbx_agent.core import files, metrics
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.databases import contents
from aipbx_agent.offsite import copy_sets, peers, prune, stored
from aipbx_agent.report import notify
from aipbx_agent.stores import base, configured, encryption
from aipbx_agent.stores.base import Content, Meter, Taken

KEEP = {"days": 2, "weeks": 0, "months": 0}


class Memory(AbstractContextManager["Memory"]):
    """A store that never overwrites."""

    where = "memory://"

    def __init__(self, room: int | None = None, *, prunes_itself: bool = True) -> None:
        self.files: dict[str, bytes] = {}
        self.order: list[str] = []
        self.room = room
        self.prunes_itself = prunes_itself
        self.cut_at = ""

    def __exit__(self, *_: object) -> None:
        return None

    def put(self, source: Path | Iterable[bytes], name: str) -> Content:
        if name in self.files:
            raise Taken("It is there.", "", "")
        assert not isinstance(source, Path)
        meter = Meter(source)
        content = b"".join(meter)
        if name == self.cut_at:
            raise Failed("The line is dead.", "", "")
        self.files[name] = content
        self.order.append(name)
        return meter.content

    def read(self, name: str) -> Iterator[bytes]:
        yield self.files[name]

    def names(self, folder: str) -> dict[str, int]:
        return {
            name.partition("/")[2]: len(content)
            for name, content in self.files.items()
            if name.startswith(f"{folder}/")
        }

    def texts(self, folder: str, ending: str) -> dict[str, bytes]:
        return {name: self.files[f"{folder}/{name}"] for name in self.names(folder) if name.endswith(ending)}

    def remove(self, name: str) -> None:
        del self.files[name]

    def free(self) -> int | None:
        return self.room


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    (tmp_path / "backups" / "sets").mkdir(parents=True)
    # age is not there everywhere; that it opens nothing else than before is a story of the lab's.
    monkeypatch.setattr(encryption, "packed", lambda path, *_: iter([path.name.encode(), b" sealed"]))
    monkeypatch.setattr(metrics, "write", lambda *_: None)
    raw = {
        "host": "aipbx.org",
        "app_dir": str(tmp_path),
        "offsite": {"kind": "sftp", "host": "aipbx.net", "address": "aipbx.net", "account": "a"},
        "offsite_keep": KEEP,
        "min_free_disk_mib": 100,
        "backup_recipients": ["age1…"],
    }
    return Config(raw, {}, {})


def make(config: Config, name: str) -> Path:
    aside = sets.folder(config.backups) / f"{sets.ASIDE}{name}"
    aside.mkdir()
    (aside / "database.dump").write_bytes(name.encode())
    file = aside / "database.dump"
    manifest = sets.Manifest(
        "aipbx.org", name, sets.moment_of(name).isoformat(), 1.0, "postgres", "16.1", "d", "r", 1, {},
        contents.Contents({}), {}, {"database.dump": {"bytes": file.stat().st_size, "sha256": files.sha256(file)}},
    )  # fmt: skip
    return sets.complete(aside, manifest)


def copied(config: Config, kept: Memory) -> list[str]:
    return copy_sets.copy_all(config, kept, ["age1…"])


def test_a_copy_is_described_last_and_written_down_here(config: Config) -> None:
    path, kept = make(config, "20261123T030000Z"), Memory()
    assert copied(config, kept) == ["20261123T030000Z"]
    assert kept.order == ["sets/20261123T030000Z.tar.age", "sets/20261123T030000Z.json"]
    (told,) = stored.copies(kept)
    assert told["whole"]
    assert told["host"] == "aipbx.org"
    record = files.read_json(path / sets.OFFSITE)
    assert (record["sha256"], record["where"]) == (told["sha256"], "memory://")
    assert copy_sets.has_copy(path, "memory://")
    assert not copy_sets.has_copy(path, "sftp://elsewhere")
    assert copied(config, kept) == []


def test_the_description_shows_nothing_of_the_copy_s_content(config: Config) -> None:
    kept = Memory()
    make(config, "20261123T030000Z")
    copied(config, kept)
    told = json.loads(kept.files["sets/20261123T030000Z.json"])
    assert set(told) == {"format", "host", "name", "taken", "bytes", "sha256", "manifest_sha256"}


def test_the_newest_goes_first(config: Config) -> None:
    kept = Memory()
    for name in ("20261121T030000Z", "20261123T030000Z", "20261122T030000Z"):
        make(config, name)
    copied(config, kept)
    assert [name[5:13] for name in kept.order if name.endswith(".age")] == ["20261123", "20261122", "20261121"]


@pytest.mark.parametrize("cut_at", ["sets/20261123T030000Z.tar.age", "sets/20261123T030000Z.json"])
def test_a_cut_line_leaves_no_copy_and_the_next_run_makes_it(config: Config, cut_at: str) -> None:
    path, kept = make(config, "20261123T030000Z"), Memory()
    kept.cut_at = cut_at
    with pytest.raises(Failed, match="dead"):
        copied(config, kept)
    assert not copy_sets.has_copy(path, kept.where)
    assert stored.copies(kept) == []
    kept.cut_at = ""
    assert copied(config, kept) == ["20261123T030000Z"]
    assert stored.copies(kept)[0]["whole"]
    assert sets.check(path)


def test_a_copy_that_this_host_could_not_write_down_is_read_back(config: Config) -> None:
    path, kept = make(config, "20261123T030000Z"), Memory()
    copied(config, kept)
    (path / sets.OFFSITE).unlink()
    assert copied(config, kept) == ["20261123T030000Z"]
    assert len(kept.order) == 2
    kept.files["sets/20261123T030000Z.tar.age"] = b"20261123T030000Z seal*d"
    (path / sets.OFFSITE).unlink()
    with pytest.raises(Failed, match="has a different"):
        copied(config, kept)
    assert not copy_sets.has_copy(path, kept.where)


def test_a_store_that_lost_its_copies_gets_all_again(config: Config) -> None:
    kept = Memory()
    for name in ("20261122T030000Z", "20261123T030000Z"):
        make(config, name)
    copied(config, kept)
    assert copied(config, Memory()) == ["20261122T030000Z", "20261123T030000Z"]


def test_what_the_store_called_old_is_not_sent_again(config: Config) -> None:
    kept = Memory()
    for name in ("20261122T030000Z", "20261123T030000Z"):
        make(config, name)
    copied(config, kept)
    for name in [name for name in kept.files if "20261122" in name]:
        kept.remove(name)
    assert copied(config, kept) == []


def test_a_damaged_set_is_reported_and_keeps_no_other_from_being_copied(config: Config) -> None:
    kept = Memory()
    for name in ("20261122T030000Z", "20261123T030000Z"):
        make(config, name)
    (sets.folder(config.backups) / "20261123T030000Z" / "database.dump").write_bytes(b"20261123T030000z")
    with pytest.raises(Failed, match="20261123T030000Z is damaged"):
        copied(config, kept)
    assert [copy["name"] for copy in stored.copies(kept)] == ["20261122T030000Z"]


def test_a_set_that_goes_meanwhile_is_no_failure(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Memory()
    paths = [make(config, name) for name in ("20261122T030000Z", "20261123T030000Z")]

    def vanishing(path: Path, *_: object) -> Iterator[bytes]:
        yield b"half"
        if path == paths[1]:
            sets.remove(path)
            raise Failed("tar failed with exit code 2.", "No such file.", "")

    monkeypatch.setattr(encryption, "packed", vanishing)
    copied(config, kept)
    assert [copy["name"] for copy in stored.copies(kept)] == ["20261122T030000Z"]


def test_a_store_without_room_is_reported_before_anything_is_sent(config: Config) -> None:
    make(config, "20261123T030000Z")
    kept = Memory(room=100 << 20)
    with pytest.raises(Failed, match="no room"):
        copied(config, kept)
    assert kept.order == []


def test_what_was_verified_is_reported_to_the_store_once(config: Config) -> None:
    path, kept = make(config, "20261123T030000Z"), Memory()
    copied(config, kept)
    files.write_json(path / sets.VERIFIED, {"at": "2026-11-23T04:00:00Z", "ok": True})
    copied(config, kept)
    copied(config, kept)
    assert kept.order[2:] == ["sets/20261123T030000Z.verified.json"]
    assert stored.copies(kept)[0]["verified"] == "2026-11-23T04:00:00Z"
    make(config, "20261124T030000Z")
    files.write_json(sets.folder(config.backups) / "20261124T030000Z" / sets.VERIFIED, {"at": "…", "ok": False})
    copied(config, kept)
    assert stored.copies(kept)[1]["verified"] is None


def test_old_copies_go_where_this_host_deletes_them(config: Config) -> None:
    kept = Memory(prunes_itself=False)
    for day in range(20, 24):
        make(config, f"202611{day}T030000Z")
    copied(config, kept)
    assert [copy["name"][:8] for copy in stored.copies(kept)] == ["20261122", "20261123"]
    assert not [name for name in kept.files if "20261121" in name]


def test_a_copy_that_is_not_whole_pushes_no_whole_one_out(config: Config) -> None:
    kept = Memory(prunes_itself=False)
    for day in range(20, 24):
        make(config, f"202611{day}T030000Z")
    copied(config, kept)
    kept.files["sets/20261123T030000Z.tar.age"] = b"cut"
    assert prune.prune(kept, {"days": 1, "weeks": 0, "months": 0}) == []


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"name": "20261123T030000Z"}', b"\xff"])
def test_a_damaged_description_describes_nothing(text: bytes) -> None:
    kept = Memory()
    kept.files = {"sets/20261123T030000Z.json": text, "sets/20261123T030000Z.tar.age": b"x"}
    assert [copy["whole"] for copy in stored.copies(kept)] == [False]


def test_strange_names_are_no_copies() -> None:
    kept = Memory()
    kept.files = {"sets/mine.json": b"{}", "sets/20261123T030000Z.tar.age": b"x", "sets/a.verified.json": b"{}"}
    assert stored.copies(kept) == []


def test_a_failure_is_reported_once_and_its_end_too(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    kept = Memory()
    monkeypatch.setattr(notify, "send", lambda _, title, __: told.append(title))
    monkeypatch.setattr(copy_sets, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(configured, "of", lambda _: kept)
    make(config, "20261123T030000Z")
    kept.cut_at = "sets/20261123T030000Z.tar.age"
    for _ in range(2):
        with pytest.raises(Failed):
            copy_sets.main(config, None)  # type: ignore[arg-type]
    assert told == ["aipbx.org: no off-site copy"]
    assert files.read_json(config.backups / copy_sets.STATE)["ok"] is False
    kept.cut_at = ""
    copy_sets.main(config, None)  # type: ignore[arg-type]
    copy_sets.main(config, None)  # type: ignore[arg-type]
    assert told[1:] == ["aipbx.org: off-site copies are made again"]


def test_without_a_recipient_nothing_leaves(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_sets, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(notify, "send", lambda *_: None)
    monkeypatch.setitem(config.raw, "backup_recipients", [])
    make(config, "20261123T030000Z")
    with pytest.raises(Refused, match="No one could read"):
        copy_sets.main(config, None)  # type: ignore[arg-type]


def test_the_tar_has_its_manifest_first_and_age_its_recipients() -> None:
    assert encryption.tar(Path("/s"), ["manifest.json", "database.dump"])[-5:] == [
        "-C", "/s", "--", "manifest.json", "database.dump",
    ]  # fmt: skip
    assert encryption.age(["age1a", "ssh-ed25519 AAAA b"]) == [
        "age", "--encrypt", "--recipient", "age1a", "--recipient", "ssh-ed25519 AAAA b",
    ]  # fmt: skip


ARRIVED = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("named", "believed"),
    [
        (ARRIVED - timedelta(hours=1), True),
        (ARRIVED - timedelta(days=3), True),  # an outage
        (ARRIVED - timedelta(days=300), False),  # renamed so that it looks old
        (ARRIVED + timedelta(days=2), False),  # named so that it looks newest
    ],
)
def test_a_name_counts_only_when_it_fits_the_arrival(named: datetime, believed: bool) -> None:
    assert peers.taken_at(named, ARRIVED) == (named if believed else ARRIVED)


def test_what_was_never_finished_goes_and_only_that(tmp_path: Path) -> None:
    for folder in base.FOLDERS:
        (tmp_path / folder).mkdir()
    days = {
        "sets/.part-a.tar.age.0a": 3,
        "sets/.part-b.tar.age.0b": 1,
        "wal/.part-c": 9,
        "sets/20261101T030000Z.tar.age": 20,
        "sets/20261101T030000Z.json": 20,
        "sets/20261102T030000Z.tar.age": 19,
        "sets/20261123T030000Z.tar.age": 0,
        "sets/anything": 900,
    }
    now = 1_800_000_000.0
    for name, age in days.items():
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (now - age * 86400,) * 2)
    left = {str(path.relative_to(tmp_path)) for path in peers.abandoned(tmp_path, now)}
    assert left == {"sets/.part-a.tar.age.0a", "wal/.part-c", "sets/20261102T030000Z.tar.age"}


def test_a_set_is_described_by_its_manifest(config: Config) -> None:
    manifest = sets.read(make(config, "20261123T030000Z"))
    told: dict[str, Any] = copy_sets.description(manifest, Content(7, "abc"), "def")
    assert told["bytes"] == 7
    assert told["taken"] == asdict(manifest)["taken"]
