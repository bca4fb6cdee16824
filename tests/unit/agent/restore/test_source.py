"""What is restored is told by its content, read to its end, and refused when it is incomplete."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import cast

import pytest

from aipbx_agent.backup import sets
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.engine import Engine
from aipbx_agent.restore import find, incoming, source
from tests.unit.agent.backup.test_sets import NAME, made


class Server:
    """PostgreSQL, which reads any dump that it is given whole."""

    name = "postgres"
    dump_file = "database.dump"

    def listed(self, path: Path) -> set[str]:
        assert path.read_bytes().startswith(b"PGDMP")
        return {"1; 0 1 TABLE DATA public users aipbx", "2; 0 2 TABLE DATA public calls aipbx"}

    def dumped_from(self, _: Path) -> str:
        return "15.4"

    def databases(self) -> list[str]:
        return ["aipbx"]

    def size(self, _: str) -> int:
        return 1000


SERVER = cast("Engine", Server())


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "backups" / "incoming").mkdir(parents=True)
    raw = {"host": "aipbx.org", "app_dir": str(tmp_path), "min_free_disk_mib": 1}
    return Config(raw, {"backend": {"DB_NAME": "aipbx", "DB_USER": "aipbx"}}, {})


def left(config: Config) -> list[str]:
    return [path.name for path in incoming.folder(config).glob(f"{sets.ASIDE}*")]


def brought(config: Config, content: bytes, name: str = "file") -> str:
    (incoming.folder(config) / name).write_bytes(content)
    return name


def opened(config: Config, said: str) -> source.Source:
    with find.opened(config, SERVER, said) as given:
        assert given.dump.read_bytes().startswith(b"PGDMP")
        return given


def packed(path: Path, names: list[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            about = tar.gettarinfo(path / Path(name).name)
            about.name = name
            with (path / Path(name).name).open("rb") as file:
                tar.addfile(about, file)
    return out.getvalue()


def test_a_set_of_this_host(config: Config) -> None:
    made(config.backups)
    given = opened(config, NAME)
    assert (given.title, given.label, given.host, given.listed) == (NAME, NAME, "aipbx.org", 1)
    assert given.role == "aipbx"
    assert given.contents


def test_a_set_in_a_file(config: Config) -> None:
    path = made(config.backups)
    given = opened(config, brought(config, packed(path, ["manifest.json", "database.dump"])))
    assert (given.title, given.series) == (NAME, (16,))
    assert left(config) == []


@pytest.mark.parametrize("content", [b"PGDMP of old", gzip.compress(b"PGDMP of old", mtime=0)])
def test_an_old_dump_packed_or_not(config: Config, content: bytes) -> None:
    given = opened(config, brought(config, content, ".upload-ab12-aipbx_1.sql.gz"))
    assert (given.title, given.series, given.listed, given.contents) == ("aipbx_1.sql.gz", (15,), 2, None)
    assert (given.database_bytes, given.role, given.volumes) == (1000, "aipbx", {})
    assert sets.NAME.fullmatch(given.label)
    assert left(config) == []


def test_a_dump_of_another_application_says_whose_it_was(config: Config) -> None:
    config.services["backend"]["DB_USER"] = "somebody"
    assert opened(config, brought(config, b"PGDMP")).role == "aipbx"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a backup that can be restored"),
        (b"\0" * 600, "not a backup that can be restored"),
        (b"--\n-- PostgreSQL database dump\n--\n", "not a backup that can be restored"),
        (gzip.compress(b"", mtime=0), "not a backup that can be restored"),
        (gzip.compress(b"PGDMP" * 999, mtime=0)[:-9], "is incomplete"),
        (gzip.compress(b"PGDMP" * 999, mtime=0)[:-8] + b"12345678", "is incomplete"),
        (b"-- MySQL dump 10.13\n", "is of another kind of database"),
        (gzip.compress(b"/*M!999999- */\n-- MariaDB dump 10.19\n", mtime=0), "is of another kind of database"),
    ],
)
def test_what_is_no_backup_or_not_whole_is_refused_and_leaves_nothing(
    config: Config, content: bytes, told: str
) -> None:
    with pytest.raises(Refused, match=told):
        opened(config, brought(config, content))
    assert left(config) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["manifest.json", "../database.dump"], "does not belong there"),
        (["/manifest.json"], "does not belong there"),
        ([".hidden"], "does not belong there"),
        (["database.dump"], "file is not a backup set. It has no manifest.json"),
        (["manifest.json"], "file is incomplete. database.dump is missing"),
        (["manifest.json", "manifest.json"], "File exists"),
    ],
)
def test_a_file_that_is_no_set_is_refused(config: Config, names: list[str], told: str) -> None:
    path = made(config.backups)
    (path / ".hidden").touch()
    with pytest.raises(Refused) as refused:
        opened(config, brought(config, packed(path, names)))
    assert told in f"{refused.value.what} {refused.value.why}"
    assert left(config) == []


def test_a_cut_off_set_is_refused(config: Config) -> None:
    path = made(config.backups)
    (path / "database.dump").write_bytes(b"PGDMP" * 9999)
    with pytest.raises(Refused, match="is incomplete"):
        opened(config, brought(config, packed(path, ["manifest.json", "database.dump"])[:30000]))


def test_a_file_is_called_as_its_operator_calls_it() -> None:
    assert incoming.title(".upload-ab12cd34-a-b.sql.gz") == "a-b.sql.gz"
    assert [incoming.title(name) for name in ("a-b", ".upload-", ".upload-x")] == ["a-b", ".upload-", ".upload-x"]


@pytest.mark.parametrize("said", ["", ".", "..", "../sets", "/etc/passwd", "nothing", "link", "folder"])
def test_only_a_set_or_a_file_that_was_brought(config: Config, said: str) -> None:
    folder = incoming.folder(config)
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "folder").mkdir()
    with pytest.raises(Refused, match="neither a set of this host nor a file"):
        opened(config, said)
