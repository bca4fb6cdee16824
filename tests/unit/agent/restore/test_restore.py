"""What is refused before anything is touched, and what counts as come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from aipbx_agent.backup import unpack
from aipbx_agent.core import disk, docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.contents import Contents
from aipbx_agent.databases.engine import Engine
from aipbx_agent.restore import restore, retained
from aipbx_agent.restore.source import Source

NAME = "20261123T030000Z"
HELD = Contents({"public.users": 2, "public.calls": 3, "Архив.x": 1})
GIVEN = Source(
    title=NAME, label=NAME, folder=Path("/f"), dump=Path("/f/d"), engine="postgres", server_version="16.4",
    host="aipbx.org", taken="2026-11-23T03:00:00Z", database_bytes=1000, role="aipbx", contents=HELD, listed=3,
    volumes={"backend_static": {"files": 1, "bytes": 10}, "unknown": {"files": 1, "bytes": 1}},
)  # fmt: skip


class Server:
    """The live one."""

    name = "postgres"

    def version(self) -> str:
        return "16.14"

    def databases(self) -> list[str]:
        return ["aipbx", "Таблица"]


SERVER = cast("Engine", Server())


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> dict[Path, float]:
    """What was asked of the disks."""
    asked: dict[Path, float] = {}
    monkeypatch.setattr(docker, "volume", lambda name: Path("/v") / name / "_data")
    monkeypatch.setattr(unpack, "folder", lambda name: Path("/v") / name / "_data")
    monkeypatch.setattr(disk, "require", lambda wanted, _: asked.update(wanted))
    return asked


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "backups").mkdir()
    volumes = {"postgres_data": "p", "backend_static": "s"}
    raw = {"host": "aipbx.org", "app_dir": str(tmp_path), "volumes": volumes, "min_free_disk_mib": 1}
    raw["staging"] = ["try.test", "other.test"]
    return Config(raw, {"backend": {"DB_NAME": "aipbx"}}, {})


def test_what_fits_is_not_refused_and_the_disks_are_asked(config: Config, needs: dict[Path, float]) -> None:
    restore.refuse(config, SERVER, GIVEN, foreign=False)
    assert needs == {Path("/v/p/_data"): 3000.0, Path("/v/s/_data"): 10}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"engine": "mysql"}, "is of another kind of database"),
        ({"server_version": "17.1"}, "is from a newer server"),
        ({"host": "aipbx.net"}, "was taken on aipbx.net, and this is aipbx.org"),
        ({"listed": 0, "contents": None}, "is empty"),
        ({"contents": Contents({})}, "is empty"),
        ({"contents": Contents({"public.users": 0})}, "is empty"),
        ({"scrubbed": True}, "has no real customers, and aipbx.org is not a staging host"),
    ],
)
def test_what_cannot_or_should_not_be(
    config: Config, needs: dict[Path, float], change: dict[str, Any], told: str
) -> None:
    with pytest.raises(Refused, match=told):
        restore.refuse(config, SERVER, replace(GIVEN, **change), foreign=False)
    assert needs == {}


def test_another_host_s_data_is_accepted_with_foreign_and_data_of_no_host_always(
    config: Config, needs: dict[Path, float]
) -> None:
    restore.refuse(config, SERVER, replace(GIVEN, host="aipbx.net"), foreign=True)
    restore.refuse(config, SERVER, replace(GIVEN, host="", contents=None, server_version="9.6"), foreign=False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "on aipbx.org, which is not staging"),
        ({"host": ""}, "no one knows where"),
        ({"host": "try.test"}, ""),
        ({"host": "other.test"}, ""),
        ({"scrubbed": True}, ""),
    ],
)
def test_a_staging_host_takes_no_customers_whoever_asks(
    config: Config, needs: dict[Path, float], change: dict[str, Any], told: str
) -> None:
    staging = replace(config, raw={**config.raw, "host": "try.test"})
    if not told:
        restore.refuse(staging, SERVER, replace(GIVEN, **change), foreign=True)
        return
    with pytest.raises(Refused) as refused:
        restore.refuse(staging, SERVER, replace(GIVEN, **change), foreign=True)
    assert told in refused.value.why
    assert needs == {}


@pytest.mark.parametrize("name", ["a b", "", "1a", "x" * 64, "aipbx", "template0", "a;b", "Таблица", '"a"', "-a"])
def test_no_name_for_a_new_database(name: str) -> None:
    with pytest.raises(Refused):
        restore.refuse_name(SERVER, name)


def test_a_name_for_one() -> None:
    restore.refuse_name(SERVER, "look_2026")


def test_one_way_back_at_a_time(config: Config) -> None:
    restore.refuse_pending(config)
    retained.keep(
        config, retained.Replaced("aipbx_before_x", (("/a/_data", "/a/_data.before-x"),), "x", "restore of y", "now")
    )
    with pytest.raises(Refused) as refused:
        restore.refuse_pending(config)
    assert "before the restore of y" in refused.value.what
    assert retained.read(config).replaced == retained.Replaced(
        "aipbx_before_x", (("/a/_data", "/a/_data.before-x"),), "x", "restore of y", "now"
    )


@pytest.mark.parametrize(
    ("given", "found", "tables", "differs"),
    [
        (GIVEN, HELD, (), False),
        (GIVEN, Contents({**HELD.tables, "public.users": 1}), (), True),
        (GIVEN, Contents({**HELD.tables, "public.calls": 0}), ("users", "Архив.x"), False),
        (GIVEN, Contents({**HELD.tables, "public.users": 1}), ("users",), True),
        (replace(GIVEN, contents=None), HELD, (), False),
        (replace(GIVEN, contents=None, listed=4), HELD, (), True),
        (replace(GIVEN, contents=None), Contents(dict.fromkeys("abc", 0)), (), True),
        (replace(GIVEN, contents=None), Contents({**HELD.tables, "public.calls": 0}), ("users",), False),
    ],
)
def test_what_counts_as_come_back(given: Source, found: Contents, tables: tuple[str, ...], differs: bool) -> None:
    assert bool(restore._differences(given, found, tables)) == differs
