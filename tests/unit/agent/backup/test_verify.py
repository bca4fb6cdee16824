"""What a verification finds is written beside the set; what ends it from outside says nothing about the set."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent import cleanup
from aipbx_agent.backup import loading, sets, verify
from aipbx_agent.core import disk, docker, files, metrics
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Interrupted, Refused
from aipbx_agent.databases import engine, throwaway
from aipbx_agent.databases.contents import Contents
from tests.unit.agent.backup.test_sets import NAME, made

NEWEST = argparse.Namespace(name="")


class Server:
    """A scratch server, and the live one."""

    name = "postgres"
    dump_file = "database.dump"

    def __init__(self) -> None:
        self.rows = 3
        self.fault: AgentError | Interrupted | None = None

    def version(self) -> str:
        return "16.14"

    def load(self, _: object, what: loading.Load, __: str, ___: object) -> list[str]:
        assert what.dump.exists()
        if self.fault:
            raise self.fault
        return []

    def contents(self, _: str) -> Contents:
        return Contents({"public.Таблица": self.rows})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    one = Server()

    @contextmanager
    def started(*_: object) -> Iterator[Server]:
        yield one

    monkeypatch.setattr(throwaway, "server", started)
    monkeypatch.setattr(loading, "load", one.load)
    monkeypatch.setattr(engine, "live", lambda _: one)
    monkeypatch.setattr(docker, "volume", lambda _: Path("/"))
    monkeypatch.setattr(cleanup, "clear", lambda _: None)
    monkeypatch.setattr(disk, "require", lambda *_: None)
    return one


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Figures, by name."""
    found: dict[str, str] = {}

    def write(_: str, lines: list[str]) -> None:
        for line in lines:
            name, _, value = line.partition(" ")
            found[name] = value

    monkeypatch.setattr(metrics, "write", write)
    return found


@pytest.fixture
def config(tmp_path: Path) -> Config:
    raw = {"host": "h", "app_dir": str(tmp_path), "volumes": {"postgres_data": "p"}, "min_free_disk_mib": 0}
    return Config(raw, {"backend": {"DB_NAME": "aipbx"}}, {})


def written(path: Path) -> dict[str, Any]:
    return files.read_json(path / sets.VERIFIED)


def test_a_good_set(config: Config, server: Server, told: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    made(config.backups, "20200101T000000Z")
    path = made(config.backups)
    verify.main(config, NEWEST)
    found = written(path)
    assert (found["ok"], found["error"], found["tables"], found["rows"]) == (True, "", 1, 3)
    assert sets.verified(config.backups, NAME)
    assert not sets.verified(config.backups, "20200101T000000Z")
    assert told["aipbx_verify_last_run_ok"] == "1"
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["set"] == NAME
    verify.main(config, argparse.Namespace(name="20200101T000000Z"))
    assert sets.verified(config.backups, "20200101T000000Z")


def test_a_set_that_comes_back_otherwise_is_bad(config: Config, server: Server, told: dict[str, str]) -> None:
    path, server.rows = made(config.backups), 2
    with pytest.raises(Failed, match=f"{NAME} CANNOT BE RESTORED"):
        verify.main(config, NEWEST)
    assert "table public.Таблица has 2 rows instead of 3" in written(path)["error"]
    assert told["aipbx_verify_last_run_ok"] == "0"
    assert not sets.verified(config.backups, NAME)


def test_a_set_that_cannot_be_loaded_or_is_damaged_is_bad(config: Config, server: Server, told: dict[str, str]) -> None:
    path, server.fault = made(config.backups), Failed("pg_restore failed.", "role x does not exist", "")
    with pytest.raises(Failed, match="CANNOT BE RESTORED"):
        verify.main(config, NEWEST)
    assert "role x does not exist" in written(path)["error"]
    (path / "database.dump").write_bytes(b"PGDMQ")
    with pytest.raises(Failed, match="CANNOT BE RESTORED"):
        verify.main(config, NEWEST)
    assert "is damaged" in written(path)["error"]


def test_what_ends_it_from_outside_says_nothing_about_the_set(
    config: Config, server: Server, told: dict[str, str]
) -> None:
    path = made(config.backups)
    verify.main(config, NEWEST)
    server.fault = Interrupted("The disk was nearly full.", "", "")
    with pytest.raises(Interrupted):
        verify.main(config, NEWEST)
    assert written(path)["ok"]


@pytest.mark.parametrize("name", ["", "20200101T000000Z", "../x"])
def test_what_is_not_there_is_refused(config: Config, server: Server, name: str) -> None:
    with pytest.raises(Refused, match="There is no set"):
        verify.main(config, argparse.Namespace(name=name))


def test_a_scratch_server_has_limits_no_network_and_no_password() -> None:
    raw = {"host": "h", "app_dir": "/app/aipbx", "verify_memory_mib": 512, "verify_cpus": 0.5}
    words = " ".join(throwaway.command(Config(raw, {}, {}), "pg:16"))
    assert "--network none --pull never --memory 512m --cpus 0.5" in words
    assert "--volume /app/aipbx/backups:/var/lib/aipbx/backups:ro" in words
    assert "POSTGRES_PASSWORD" not in words
    assert words.endswith("pg:16 postgres -c fsync=off -c full_page_writes=off -c autovacuum=off")
