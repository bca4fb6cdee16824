"""A set is made whole or not at all; what is suspicious is loud; old sets go only after a good one."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent import cleanup, contract
from aipbx_agent.backup import sets, take
from aipbx_agent.backup.sets import Manifest
from aipbx_agent.core import docker, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Refused
from aipbx_agent.databases import engine, throwaway
from aipbx_agent.databases.contents import Contents
from aipbx_agent.migrations import first_start
from aipbx_agent.pitr import recovery_server
from aipbx_agent.restore import trial_backend
from tests.unit.agent.backup.test_sets import made


class Server:
    """A server that does as it is told."""

    name = "postgres"
    dump_file = "database.dump"

    def __init__(self) -> None:
        self.tables = {"public.users": 3, "public.calls": 4}
        self.rows, self.told = b"x" * 5000, ["users", "calls"]
        self.fails: dict[str, AgentError] = {}
        self.cleared = 0

    def _do(self, what: str) -> None:
        if what in self.fails:
            raise self.fails[what]

    def size(self, _: str) -> int:
        self._do("size")
        return 1 << 20

    def version(self) -> str:
        return "16.14"

    @contextmanager
    def moment(self, _: str) -> Iterator[str]:
        self._do("moment")
        yield "now"

    def contents(self, _: str, moment: str = "") -> Contents:
        self._do("contents")
        assert moment == "now"
        return Contents(self.tables)

    def dump(self, _: str, path: Path, moment: str) -> None:
        assert moment == "now"
        path.write_bytes(self.rows)
        self._do("dump")

    def listed(self, path: Path) -> set[str]:
        assert path.read_bytes() == self.rows
        self._do("listed")
        return set(self.told)

    def databases(self) -> list[str]:
        return ["aipbx"]

    def clear(self) -> None:
        self.cleared += 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(engine, "live", lambda _: server)
    return server


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    static = tmp_path / "volumes" / "static" / "_data"
    static.mkdir(parents=True)
    (static / "face.png").write_text("face")
    monkeypatch.setattr(docker, "volume", lambda name: tmp_path / "volumes" / name / "_data")
    monkeypatch.setattr(trial_backend, "clear", lambda _: None)
    monkeypatch.setattr(first_start, "clear", lambda _: None)
    monkeypatch.setattr(throwaway, "clear", lambda: None)
    monkeypatch.setattr(recovery_server, "clear", lambda: None)
    app = tmp_path / "app"
    (app / "backups").mkdir(parents=True)
    (app / "images.env").write_text("BACKEND_IMAGE=r:5000/b:sha1\nFRONTEND_IMAGE=r:5000/f:sha2\n")
    raw = {
        "host": "aipbx.org",
        "app_dir": str(app),
        "volumes": {"backend_static": "static", "frontend_assets": "assets"},
        "backup_keep": {"days": 1, "weeks": 0, "months": 0},
        "min_free_disk_mib": 1,
    }
    return Config(raw, {"backend": {"DB_NAME": "aipbx", "DB_USER": "aipbx_user"}}, {})


def taken(config: Config) -> Manifest:
    take.main(config, None)  # type: ignore[arg-type] # it takes no options
    return sets.readable(config.backups)[-1][1]


def left(config: Config) -> list[str]:
    """Everything that is neither a set nor the volume's own."""
    there = [*sets.folder(config.backups).glob(".*"), *(config.app.parent / "volumes" / "static").glob(".*")]
    return [path.name for path in there]


def test_a_set(config: Config, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = taken(config)
    path = sets.folder(config.backups) / manifest.name
    assert sets.check(path) == manifest
    assert sorted(manifest.files) == ["database.dump", "volume-backend_static.tar.zst"]
    assert manifest.contents.tables == server.tables
    assert manifest.release == {"backend": "sha1", "frontend": "sha2"}
    assert manifest.volumes == {"backend_static": {"files": 1, "bytes": 4, "changed": 0}}
    assert (manifest.database, manifest.role, manifest.server_version) == ("aipbx", "aipbx_user", "16.14")
    assert sets.name_of(sets.moment_of(manifest.name)) == manifest.name
    assert left(config) == []
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"] == 7


def test_before_the_first_release_there_is_none_to_name(config: Config, server: Server) -> None:
    (config.app / "images.env").unlink()
    assert taken(config).release == {}


@pytest.mark.parametrize("step", ["size", "moment", "contents", "dump", "listed"])
def test_a_failure_anywhere_leaves_no_set_and_every_old_one(config: Config, server: Server, step: str) -> None:
    for day in (1, 2, 3):
        made(config.backups, f"2026110{day}T030000Z")
    server.fails[step] = Failed("The server is gone.", "b", "c")
    with pytest.raises(AgentError):
        taken(config)
    assert len(sets.names(config.backups)) == 3
    assert left(config) == []


def test_when_one_thing_fails_the_server_ends_the_others(config: Config, server: Server) -> None:
    server.fails["contents"] = Failed("Counting failed.", "b", "c")
    with pytest.raises(Failed, match="Counting"):
        taken(config)
    # Once before it begins, once for what still continues.
    assert server.cleared == 2


@pytest.mark.parametrize("told", [[], ["users"], ["users", "calls", "more"]])
def test_a_dump_without_every_table_is_no_set(config: Config, server: Server, told: list[str]) -> None:
    server.told = told
    with pytest.raises(Failed, match="does not hold what the database holds") as failed:
        taken(config)
    assert f"the rows of {len(told)} tables, and the database has 2" in failed.value.why
    assert sets.names(config.backups) == []


def test_an_empty_database_is_no_backup(config: Config, server: Server) -> None:
    server.told, server.tables = [], {}
    with pytest.raises(Failed, match="does not hold"):
        taken(config)


def test_a_dump_that_cannot_be_read_is_a_failure_not_a_refusal(config: Config, server: Server) -> None:
    server.fails["listed"] = Refused("It is no dump.", "input file is too short", "c")
    with pytest.raises(Failed, match="cannot be read") as failed:
        taken(config)
    assert failed.value.why == "input file is too short"


def test_old_sets_go_after_a_good_one(config: Config, server: Server) -> None:
    for day in (1, 2, 3):
        made(config.backups, f"2026110{day}T030000Z")
    files.write_json(sets.folder(config.backups) / "20261101T030000Z" / sets.VERIFIED, {"ok": True})
    files.write_json(sets.folder(config.backups) / "20261102T030000Z" / sets.VERIFIED, {"ok": False})
    manifest = taken(config)
    assert sets.names(config.backups) == ["20261101T030000Z", manifest.name]


def test_a_damaged_set_is_neither_counted_nor_deleted(config: Config, server: Server) -> None:
    (made(config.backups, "20261101T030000Z") / sets.MANIFEST).write_text("{")
    manifest = taken(config)
    assert sets.names(config.backups) == ["20261101T030000Z", manifest.name]


def test_what_would_fill_the_disk_is_refused_before_anything_is_written(config: Config, server: Server) -> None:
    config.raw["min_free_disk_mib"] = 1 << 40
    with pytest.raises(Refused, match="no room for a backup"):
        taken(config)
    assert not sets.folder(config.backups).exists()


def manifest(dump: int, database: int, volume: int = 0) -> Manifest:
    return Manifest(
        "h", "20261101T030000Z", "t", 1, "postgres", "16.1", "aipbx", "r", database, {}, Contents({"public.t": dump}),
        {"static": {"bytes": volume}}, {"database.dump": {"bytes": dump, "sha256": ""}},
    )  # fmt: skip


MIB = 1 << 20


@pytest.mark.parametrize(
    ("last", "need"),
    [
        (None, 100 * MIB),
        (manifest(10 * MIB, 100 * MIB), 20 * MIB),
        (manifest(10 * MIB, 50 * MIB, 50 * MIB), 20 * MIB),
        (manifest(90 * MIB, 100 * MIB), 100 * MIB),
        (manifest(10 * MIB, 0), 100 * MIB),
    ],
)
def test_what_a_set_may_take(last: Manifest | None, need: int) -> None:
    assert take.needed(100 * MIB, last) == need


@pytest.mark.parametrize(
    ("last", "new", "loud"),
    [
        (manifest(10 * MIB, 100 * MIB), manifest(4 * MIB, 100 * MIB), True),
        (manifest(10 * MIB, 100 * MIB), manifest(6 * MIB, 100 * MIB), False),
        (manifest(10 * MIB, 100 * MIB), manifest(4 * MIB, 40 * MIB), False),
        (manifest(10 * MIB, 100 * MIB), manifest(1 * MIB, 40 * MIB), True),
        (manifest(10 * MIB, 100 * MIB), manifest(4 * MIB, 400 * MIB), True),
        (manifest(MIB // 2, 100 * MIB), manifest(100, 100 * MIB), False),
        (None, manifest(1, 1), False),
    ],
)
def test_a_dump_that_shrank_is_loud_unless_the_database_did_too(
    last: Manifest | None, new: Manifest, loud: bool
) -> None:
    if loud:
        with pytest.raises(Failed, match="suspiciously small"):
            take.refuse_shrunk(new, last)
    else:
        take.refuse_shrunk(new, last)


def test_a_set_that_shrank_stays_and_the_next_is_compared_with_it(config: Config, server: Server) -> None:
    made(config.backups, "20261101T030000Z")
    last = manifest(3 * MIB, MIB)
    written = dataclasses.asdict(last) | {"name": "20261102T030000Z", "host": "aipbx.org"}
    path = made(config.backups, "20261102T030000Z")
    files.write_json(path / sets.MANIFEST, written)
    with pytest.raises(Failed, match="suspiciously small"):
        taken(config)
    names = sets.names(config.backups)
    assert len(names) == 3
    assert sets.check(sets.folder(config.backups) / names[-1])


def test_only_sets_of_the_same_database_are_compared() -> None:
    def named(**values: Any) -> tuple[str, Manifest]:
        one = dataclasses.replace(manifest(1, 1), **values)
        return one.name, one

    earlier = [named(name="1"), named(name="2", engine="mysql"), named(name="3", database="other")]
    found = take.comparable(earlier, "aipbx", "postgres")
    assert found
    assert found.name == "1"
    assert take.comparable(earlier, "none", "postgres") is None


def test_what_a_killed_run_left_is_taken_away(config: Config, server: Server) -> None:
    folder, incoming = sets.folder(config.backups), config.backups / "incoming"
    (folder / f"{sets.ASIDE}backup").mkdir(parents=True)
    (folder / ".20261101T030000Z.removed").mkdir()
    incoming.mkdir()
    (incoming / f"{sets.ASIDE}spool").write_text("x")
    (incoming / f"{contract.UPLOAD}fresh").write_text("x")
    (incoming / f"{contract.UPLOAD}old").write_text("x")
    os.utime(incoming / f"{contract.UPLOAD}old", (0, 0))
    (config.app.parent / "volumes" / "static" / f"{sets.ASIDE}backup").mkdir()
    path = made(config.backups)
    cleanup.clear(config)
    assert left(config) == []
    assert [one.name for one in incoming.iterdir()] == [f"{contract.UPLOAD}fresh"]
    assert sets.check(path)
    assert server.cleared == 1
