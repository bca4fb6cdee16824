"""A set is complete or not there; a damaged one is refused with what is wrong."""

import dataclasses
import json
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipbx_agent.backup import sets
from aipbx_agent.backup.sets import Manifest
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.core.files import sha256
from aipbx_agent.databases.contents import Contents
from aipbx_agent.status import listing

NAME = "20261123T030000Z"


def made(backups: Path, name: str = NAME) -> Path:
    """A set with one file."""
    aside = sets.folder(backups) / f"{sets.ASIDE}x"
    aside.mkdir(parents=True)
    (aside / "database.dump").write_bytes(b"PGDMP")
    files = {"database.dump": {"bytes": 5, "sha256": sha256(aside / "database.dump")}}
    manifest = Manifest(
        "aipbx.org", name, "2026-11-23T03:00:00+00:00", 1.5, "postgres", "16.14", "aipbx", "aipbx", 1, {},
        Contents({"public.Таблица": 3}), {}, files,
    )  # fmt: skip
    return sets.complete(aside, manifest)


def test_a_completed_set_is_listed_read_back_and_found_whole(tmp_path: Path) -> None:
    path = made(tmp_path)
    assert sets.names(tmp_path) == [NAME]
    assert sets.check(path) == sets.read(path)
    assert sets.read(path).contents.tables == {"public.Таблица": 3}
    assert (sets.read(path).major, sets.read(path).bytes) == (16, 5)
    assert stat.S_IMODE((path / sets.MANIFEST).stat().st_mode) == 0o600


def test_names_and_moments_are_one_another() -> None:
    moment = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    assert sets.name_of(moment) == NAME
    assert sets.moment_of(NAME) == moment


def test_a_partial_or_half_deleted_folder_is_not_a_set(tmp_path: Path) -> None:
    path = made(tmp_path)
    (sets.folder(tmp_path) / f"{sets.ASIDE}y").mkdir()
    (sets.folder(tmp_path) / "20261124T030000Z").mkdir()
    assert sets.names(tmp_path) == [NAME]
    sets.remove(path)
    assert sets.names(tmp_path) == []


def _cut(path: Path) -> None:
    (path / "database.dump").write_bytes(b"PG")


def _flip(path: Path) -> None:
    (path / "database.dump").write_bytes(b"PGDMQ")


def _lose(path: Path) -> None:
    (path / "database.dump").unlink()


def _garble(path: Path) -> None:
    (path / sets.MANIFEST).write_text("{")


def _strip(path: Path) -> None:
    (path / sets.MANIFEST).write_text('{"format": 1}')


def _escape(path: Path) -> None:
    manifest = json.loads((path / sets.MANIFEST).read_text())
    manifest["files"] = {"../../etc/passwd": {"bytes": 1, "sha256": ""}}
    (path / sets.MANIFEST).write_text(json.dumps(manifest))


def _of_tomorrow(path: Path) -> None:
    manifest = dataclasses.asdict(sets.read(path)) | {"format": 99, "surprise": 1}
    (path / sets.MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_cut, "has 2 bytes, not 5"),
        (_flip, "has another hash"),
        (_lose, "is missing"),
        (_garble, "Expecting property name"),
        (_strip, "'contents'"),
        (_escape, "is missing"),
        (_of_tomorrow, "Its format is 99"),
    ],
)
def test_harm_is_named(tmp_path: Path, harm: Callable[[Path], None], said: str) -> None:
    path = made(tmp_path)
    harm(path)
    with pytest.raises(Refused) as refused:
        sets.check(path)
    assert said in refused.value.why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else ()
    return [at, *(place for key, one in inside for place in _places(one, (*at, key)))]


@given(st.data())
def test_a_manifest_with_anything_in_it_is_refused_or_can_be_used(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = made(Path(folder) / "backups")
        raw: Any = {"x": json.loads((path / sets.MANIFEST).read_text())}
        way = ("x", *data.draw(st.sampled_from(_places(raw["x"]))))
        place = raw
        for key in way[:-1]:
            place = place[key]
        place[way[-1]] = data.draw(JSON)
        (path / sets.MANIFEST).write_text(json.dumps(raw["x"]))
        told = listing.described(Config({"host": "h", "app_dir": folder}, {}, {}), NAME)
        assert "problem" in told or told["bytes"] >= 0
        with suppress(Refused):
            assert sets.check(path)


@given(st.binary(max_size=200))
def test_a_manifest_of_any_bytes_is_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / sets.MANIFEST).write_bytes(content)
        with pytest.raises(Refused):
            sets.read(path)
