"""A secret gets another value where it stands, and the old one again, in a real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.env.dotenv import files
from fleet.env.secret_store import merging, opening, place
from fleet.errors import OperatorError
from fleet.inventory.secret_sources import Aws, Source, Vault
from tests.openbao import Bao
from tests.unit.env.secret_store.conftest import Moto

NAME, OLD, NEW = "aipbx.org", "the-old-one-of-it", "the-new-one-of-it"


@pytest.fixture(params=["vault", "aws"])
def source(bao: Bao, moto: Moto, request: pytest.FixtureRequest) -> Source:
    if request.param == "vault":
        return Vault(kind="vault", address=bao.address)
    return Aws(kind="aws", region="eu-central-1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh_config").write_text("")
    (tmp_path / "env").mkdir()
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    files.save(files.paths(NAME)[0], b"DB_NAME='aipbx'\n")


def stored(source: Source) -> dict[str, str]:
    return dict(opening.store(NAME, source).read().values)


def test_the_store_gets_it_and_has_the_old_one_again(source: Source) -> None:
    store = opening.store(NAME, source)
    store.write({"DB_PASS": OLD, "MAIL_PASS": "theirs"}, store.read().version)
    stands = place.of(merging.load(NAME, source), source, "DB_PASS")
    stands.put(NEW)
    assert stored(source) == {"DB_PASS": NEW, "MAIL_PASS": "theirs"}
    with pytest.raises(OperatorError, match="changed by someone else meanwhile"):
        stands.put("a third one")
    stands.take_back(NEW)
    assert stored(source) == {"DB_PASS": OLD, "MAIL_PASS": "theirs"}
    assert stands.to_commit == ""


def test_a_secret_that_the_store_does_not_have_stands_in_the_file(source: Source) -> None:
    opening.store(NAME, source).write({"MAIL_PASS": "theirs"}, opening.store(NAME, source).read().version)
    path = files.paths(NAME)[0]
    files.save(path, f"DB_PASS='{OLD}'\n".encode())
    stands = place.of(merging.load(NAME, source), source, "DB_PASS")
    stands.put(NEW)
    assert path.read_text() == f"DB_PASS='{NEW}'\n"
    stands.take_back(NEW)
    assert path.read_text() == f"DB_PASS='{OLD}'\n"


def test_a_secret_in_both_places_is_refused(source: Source) -> None:
    opening.store(NAME, source).write({"DB_PASS": OLD}, opening.store(NAME, source).read().version)
    files.save(files.paths(NAME)[0], f"DB_PASS='{OLD}'\n".encode())
    with pytest.raises(OperatorError, match="stands in the store and in"):
        place.of(merging.load(NAME, source), source, "DB_PASS")
