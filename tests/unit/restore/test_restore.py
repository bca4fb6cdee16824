"""Where what an operator names comes from, and what his host is told to do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from fleet import agent
from fleet.errors import OperatorError
from fleet.offsite import copies
from fleet.restore import restore
from fleet.restore.request import Request
from fleet.transfer import transfer
from tests.unit.agent.backup.test_sets import NAME
from tests.unit.restore.test_request import packed

if TYPE_CHECKING:
    from fleet.remote import Remote

THERE = {"name": NAME, "taken": "2026-11-23T03:00:00Z", "tables": 55, "rows": 1200}


def host(*, store: bool) -> Remote:
    settings = SimpleNamespace(offsite=store, app_dir="/app/aipbx")
    return cast("Remote", SimpleNamespace(name="aipbx.org", settings=settings))


@pytest.fixture(autouse=True)
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What came from off-site."""
    came: list[str] = []

    def fetch(remote: str, name: str, _: Path) -> Path:
        came.append(f"{remote}/{name}")
        return packed(tmp_path)

    monkeypatch.setattr(copies, "of_name", lambda name: name)
    monkeypatch.setattr(copies, "fetch", fetch)
    return came


def sets_there(monkeypatch: pytest.MonkeyPatch, *sets: dict[str, Any]) -> None:
    monkeypatch.setattr(agent, "query", lambda *_: {"sets": list(sets)})


def test_a_set_that_is_there_is_taken_from_there(monkeypatch: pytest.MonkeyPatch, fetched: list[str]) -> None:
    sets_there(monkeypatch, THERE)
    for named in (Request("", NAME), Request("aipbx.org", NAME)):
        found = restore._found(host(store=True), named, Path())
        assert found == Request("aipbx.org", NAME, None, "2026-11-23T03:00:00Z", 55, 1200)
    assert fetched == []


def test_a_set_that_is_no_longer_there_comes_from_off_site(monkeypatch: pytest.MonkeyPatch, fetched: list[str]) -> None:
    sets_there(monkeypatch)
    found = restore._found(host(store=True), Request("", NAME), Path())
    assert found.path
    assert fetched == [f"aipbx.org/{NAME}"]


def test_a_set_of_a_host_that_is_no_more_comes_from_off_site(
    monkeypatch: pytest.MonkeyPatch, fetched: list[str]
) -> None:
    sets_there(monkeypatch, THERE)
    assert restore._found(host(store=True), Request("aipbx.net", NAME), Path()).path
    assert fetched == [f"aipbx.net/{NAME}"]


def test_without_a_store_it_is_refused(monkeypatch: pytest.MonkeyPatch, fetched: list[str]) -> None:
    sets_there(monkeypatch)
    with pytest.raises(OperatorError, match="has no backup set"):
        restore._found(host(store=False), Request("", NAME), Path())
    assert fetched == []


@pytest.mark.parametrize(
    ("given", "tables", "database", "words"),
    [
        (Request("aipbx.org", NAME), "", "", [NAME]),
        (Request("aipbx.net", NAME, Path("/x/a b.tar")), "", "", ["a b.tar", "--foreign"]),
        (Request("", "old.sql.gz", Path("old.sql.gz")), "", "x", ["old.sql.gz", "--to-database=x"]),
        (Request("aipbx.org", NAME), "users,a.b", "", [NAME, "--tables=users,a.b"]),
    ],
)
def test_the_request_to_the_host(
    monkeypatch: pytest.MonkeyPatch, given: Request, tables: str, database: str, words: list[str]
) -> None:
    brought: list[str] = []
    called: list[list[str]] = []
    monkeypatch.setattr(transfer, "upload", lambda _, path, place: brought.append(f"{path} {place}"))

    def call(_: object, verb: list[str], **__: object) -> dict[str, Any]:
        called.append(verb)
        return {}

    monkeypatch.setattr(agent, "run", call)
    restore._carried_out(host(store=False), given, tables, database)
    ((verb, place, *options),) = called
    assert (verb, options) == ("restore", words[1:])
    assert place.endswith(words[0])
    assert brought == ([f"{given.path} /app/aipbx/backups/incoming/{place}"] if given.path else [])
    assert place.startswith(".upload-") == bool(given.path)
