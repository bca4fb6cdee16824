"""the WAL on its way: what is sent, what an operator's machine gets of it, and when someone is told."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent import __main__ as program
from aipbx_agent.backup import sets
from aipbx_agent.core import files, metrics
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Interrupted, Refused
from aipbx_agent.databases import engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.offsite import send_point
from aipbx_agent.pitr import archive, collect, daemon, ship
from aipbx_agent.pitr.segments import Segment
from aipbx_agent.report import notify
from aipbx_agent.stores import configured, encryption
from tests.unit.agent.offsite.test_copy_sets import Memory
from tests.unit.agent.pitr.test_window import SYSTEM, closed, log, made
from tests.unit.agent.restore.test_from_moment import keep


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """The store."""
    memory = Memory()
    monkeypatch.setattr(configured, "of", lambda _: memory)
    monkeypatch.setattr(encryption, "sealed", lambda path, _: iter([path.name.encode()]))
    return memory


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    raw: dict[str, Any] = {
        "host": "aipbx.org",
        "app_dir": str(tmp_path),
        "offsite": {"kind": "sftp"},
        "backup_recipients": ["age1…"],
        "wal_keep_days": 7,
        "wal_max_mib": 1000,
        "base_time_utc": "01:30",
        "base_days": 1,
    }
    found = Config(raw, {}, {})
    for folder in (archive.base(found), archive.wal(found), archive.spool(found), sets.folder(found.backups)):
        folder.mkdir(parents=True)
    monkeypatch.setattr(collect, "LOCK", tmp_path / "lock")
    return found


def test_what_has_no_copy_is_sent_the_oldest_first_and_once(config: Config, kept: Memory) -> None:
    there = log(*range(ship.AT_ONCE + 2))
    keep(config, [], there)
    shipping = ship.Shipping()
    with pytest.raises(ship.Late, match="2 WAL segments have no copy"):
        shipping.send(config)
    assert kept.order == [f"wal/{one.name}.wal.zst.age" for one in there[:-2]]
    for _ in range(2):
        shipping.send(config)
    assert kept.order == [f"wal/{one.name}.wal.zst.age" for one in there]
    assert shipping.until == f"{there[-1].until:%Y-%m-%dT%H:%M:%SZ}"


def test_after_a_line_that_died_the_store_is_asked_again(config: Config, kept: Memory) -> None:
    one, two = log(1, 2)
    keep(config, [], [one, two])
    kept.files[f"wal/{one.name}.wal.zst.age"] = b"from an earlier run"
    kept.cut_at = f"wal/{two.name}.wal.zst.age"
    shipping = ship.Shipping()
    with pytest.raises(Failed, match="The line is dead"):
        shipping.send(config)
    kept.cut_at = ""
    shipping.send(config)
    assert kept.order == [f"wal/{two.name}.wal.zst.age"]


def stored(kept: Memory, *, whole: bool = True) -> None:
    """A base backup and the log since, as `base` and `wal` store them."""
    base = made(2)
    kept.files |= {f"wal/{one.name}.wal.zst.age": one.name.encode() for one in log(2, 3, 4, 5, 6)}
    kept.files[f"base/{base.name}.tar.zst.age"] = b"sealed"
    label = {"last": base.last, "bytes": 99, "sealed_bytes": 6 if whole else 7}
    kept.files[f"base/{base.name}.json"] = json.dumps(label).encode()


def test_what_makes_a_moment_goes_to_an_operator_in_one_tar(
    config: Config, kept: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(kept)
    sent = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=sent))
    send_point.main(config, SimpleNamespace(at="@2026-11-23T00:02:30Z", of="", send=True))  # type: ignore[arg-type]
    with tarfile.open(fileobj=io.BytesIO(sent.getvalue())) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        names = [
            f"{made(2).name}.json",
            f"{made(2).name}.tar.zst.age",
            *(f"{one.name}.wal.zst.age" for one in log(2, 3, 4)),
        ]
        assert list(found) == names
        content = found[names[-1]]
        assert content
        assert content.read() == closed(4).name.encode()


@pytest.mark.parametrize(("at", "whole"), [("@2026-11-23T09:00:00Z", True), ("@2026-11-23T00:02:30Z", False)])
def test_a_moment_that_the_store_does_not_have(config: Config, kept: Memory, at: str, whole: bool) -> None:
    stored(kept, whole=whole)
    with pytest.raises(Refused, match="cannot be restored from memory:// either"):
        send_point.main(config, SimpleNamespace(at=at, of="", send=False))  # type: ignore[arg-type]


class Clock:
    """What the watch goes by, and what it tells."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.wrong = 1000.0, ""
        self.told: list[str] = []
        self.started: list[str] = []
        monkeypatch.setattr("aipbx_agent.pitr.daemon.time.monotonic", lambda: self.now)
        monkeypatch.setattr(daemon, "_archiving_problem", lambda _: self.wrong)
        monkeypatch.setattr(daemon, "_followed", lambda _, own: own + 1)
        monkeypatch.setattr(daemon, "_runs", lambda: False)
        monkeypatch.setattr("aipbx_agent.pitr.daemon.subprocess.run", lambda words, **_: self.started.append(words[-1]))
        monkeypatch.setattr(notify, "send", lambda _, title, __: self.told.append(title))
        monkeypatch.setattr(metrics, "write", lambda *_: None)


def fresh(config: Config, *numbers: int) -> None:
    """A base backup of now, and segments."""
    now = datetime.now(UTC).replace(microsecond=0)
    there = [Segment(SYSTEM, 1, number, now + timedelta(seconds=number)) for number in numbers]
    base = made(numbers[0])
    keep(config, [type(base)(there[0], there[0].number, 5)], there)


def test_an_alert_that_lasts_is_reported_once_and_so_is_its_end(
    config: Config, kept: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, watch = Clock(monkeypatch), daemon.Watch()
    fresh(config, 1)
    clock.wrong = "PostgreSQL cannot be asked."
    for _ in range(8):
        watch.turn(config)
        clock.now += 21
        state = files.read_json(config.backups / daemon.STATE)
        assert state["ok"] is (clock.now < 1000 + 7 * 21)
    assert clock.told == ["aipbx.org: its WAL is not archived: point-in-time recovery would lose data"]
    clock.wrong = ""
    clock.now += 21
    watch.turn(config)
    assert files.read_json(config.backups / daemon.STATE)["ok"] is True
    assert clock.told[1:] == ["aipbx.org: its WAL is archived again"]


def test_a_gap_is_reported_at_once_and_ended_by_a_base_backup(
    config: Config, kept: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, watch = Clock(monkeypatch), daemon.Watch()
    fresh(config, 1, 2, 4)
    watch.turn(config)
    state = files.read_json(config.backups / daemon.STATE)
    assert "The WAL has a gap: 000000010000000000000003" in state["error"]
    assert len(clock.told) == 1
    assert clock.started == ["aipbx-base.service"]


def test_what_was_committed_in_a_segment_s_last_second_is_followed_once(
    config: Config, kept: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, following = Postgres("c", "u", config.backups, 1), 100
    began = datetime.now(UTC).replace(microsecond=0)
    said: list[str] = []

    def psql(sql: str) -> list[str]:
        nonlocal following
        said.append(sql)
        following += sql == daemon.COMMIT
        return [str(following - (sql == daemon.COMMIT))]

    followed = daemon._followed
    clock, watch = Clock(monkeypatch), daemon.Watch()
    monkeypatch.setattr(daemon, "_followed", followed)
    monkeypatch.setattr(engine, "live", lambda _: server)
    monkeypatch.setattr(server, "psql", psql)

    def closed_now(*numbers: int) -> list[str]:
        keep(config, [], [Segment(SYSTEM, 1, number, began + timedelta(seconds=number)) for number in numbers])
        said.clear()
        clock.now += 21
        watch.turn(config)
        return [*said]

    assert closed_now(1) == [daemon.NEXT, daemon.COMMIT]
    assert closed_now() == []
    assert closed_now(2) == [daemon.NEXT]  # with our commit in it, and nothing else
    following += 1  # someone wrote
    assert closed_now(3) == [daemon.NEXT, daemon.COMMIT]


def test_a_base_backup_that_failed_is_tried_again_later(
    config: Config, kept: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, watch = Clock(monkeypatch), daemon.Watch()
    watch.turn(config)
    files.write_json(config.backups / "base-state.json", {"ok": False, "error": "There is no room."})
    for _ in range(3):
        clock.now += 600
        watch.turn(config)
    assert len(clock.started) == 1
    assert "There is no room." in files.read_json(config.backups / daemon.STATE)["error"]
    clock.now += 600
    watch.turn(config)
    assert len(clock.started) == 2


def test_a_bucket_is_pruned_by_its_host(config: Config, kept: Memory) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    bases = [Segment(SYSTEM, 1, number, now - timedelta(days=days)) for number, days in ((1, 20), (3, 9), (5, 1))]
    there = [Segment(SYSTEM, 1, number, now - timedelta(days=9)) for number in (1, 2, 3, 5)]
    for one in bases:
        kept.files[f"base/{one.name}.tar.zst.age"] = b"sealed"
        label = {"last": one.number, "bytes": 99, "sealed_bytes": 6}
        kept.files[f"base/{one.name}.json"] = json.dumps(label).encode()
    kept.files |= {f"wal/{one.name}.wal.zst.age": b"log" for one in there}
    archive.prune_store(config, kept)
    assert sorted(kept.names("base")) == sorted(
        f"{one.name}.{end}" for one in bases[1:] for end in ("json", "tar.zst.age")
    )
    assert sorted(kept.names("wal")) == [f"{one.name}.wal.zst.age" for one in there[2:]]


@pytest.mark.parametrize("at", ["put", "names", "_archiving_problem"])
def test_a_signal_ends_it_wherever_it_is(
    config: Config, kept: Memory, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    Clock(monkeypatch)
    fresh(config, 1)

    def told(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(daemon if at == "_archiving_problem" else kept, at, told)
    before = signal.signal(signal.SIGTERM, program._stopped)
    try:
        with pytest.raises(Interrupted):
            daemon.Watch().turn(config)
    finally:
        signal.signal(signal.SIGTERM, before)
