"""A host's env file and its store together: what counts, what is refused, and that a deploy asks no store."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.env import findings, report
from fleet.env.dotenv import files
from fleet.env.host import comparison, rendering
from fleet.env.secret_store import merging
from fleet.env.secret_store.vault import VaultStore
from fleet.env.variables.table import VARIABLES
from fleet.errors import OperatorError
from fleet.inventory.hosts import Host
from fleet.inventory.secret_sources import Vault
from fleet.release.checks import configuration
from tests.openbao import Bao

NAME = "aipbx.org"
PASSWORD = "correct-horse-battery-staple"  # noqa: S105  of no database


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ssh_config").write_text("")
    (tmp_path / "env").mkdir()
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    return tmp_path / "env"


def write(text: str) -> None:
    files.save(files.paths(NAME)[0], text.encode())


def host(bao: Bao) -> Host:
    return Host(NAME, (), {"secrets_from": {"kind": "vault", "address": bao.address}})


def store(bao: Bao, **values: str) -> None:
    kept = VaultStore(Vault(kind="vault", address=bao.address), NAME)
    kept.write(values, kept.read().version)


def test_a_host_without_a_store_has_its_file(folder: Path) -> None:
    write("DB_NAME='aipbx'\n")
    assert merging.of_host(Host(NAME, (), {"secrets_from": {}})) == files.load(NAME)


def test_secrets_of_the_store_join_the_file(folder: Path, bao: Bao) -> None:
    write("DB_NAME='aipbx'\n")
    store(bao, DB_PASS=PASSWORD)
    file = merging.of_host(host(bao))
    assert file.values() == {"DB_NAME": "aipbx", "DB_PASS": PASSWORD}
    assert PASSWORD not in repr(file)
    assert PASSWORD.encode() not in files.paths(NAME)[0].read_bytes()


def test_a_fault_of_a_value_from_the_store_has_no_line(
    folder: Path, bao: Bao, capsys: pytest.CaptureFixture[str]
) -> None:
    write("DB_USER='aipbx_role'\n")
    store(bao, DB_PASS="aipbx_role")  # noqa: S106  of no database
    report.findings(merging.of_host(host(bao)), "registry")
    assert "error: DB_PASS is the name of the role or of the database" in capsys.readouterr().out


def test_an_entry_that_is_not_there_is_refused(folder: Path, bao: Bao) -> None:
    write("")
    with pytest.raises(OperatorError, match="there are no secrets"):
        merging.of_host(host(bao))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"DB_NAME": "aipbx"}, "Not secret, and belongs in the env file: DB_NAME."),
        ({"DB_PASS": "a\nb"}, "The value of DB_PASS holds a line break."),
        ({"DB PASS": "a"}, "'DB PASS' is not a name for a variable."),
    ],
)
def test_what_cannot_come_from_a_store_is_refused(folder: Path, bao: Bao, values: dict[str, str], why: str) -> None:
    write("")
    store(bao, **values)
    with pytest.raises(OperatorError) as refused:
        merging.of_host(host(bao))
    assert refused.value.why == why


def test_two_values_of_one_secret_are_refused(folder: Path, bao: Bao) -> None:
    write("DB_PASS='another'\n")
    store(bao, DB_PASS=PASSWORD)
    with pytest.raises(OperatorError, match="say different things about DB_PASS") as refused:
        merging.of_host(host(bao))
    assert "another" not in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_secrets_left_in_the_file_are_a_warning(folder: Path, bao: Bao) -> None:
    write(f"DB_PASS='{PASSWORD}'\nJWT_SECRET='x'\nDB_NAME='aipbx'\n")
    store(bao, DB_PASS=PASSWORD)
    warned = {finding.name: finding.why for finding in findings.of(merging.of_host(host(bao))) if not finding.grave}
    assert warned["DB_PASS"] == "stands in the store, too"  # noqa: S105  a sentence
    assert warned["JWT_SECRET"] == "is a secret, and those of this host come from a store"  # noqa: S105  a sentence
    assert "DB_NAME" not in warned


@pytest.mark.parametrize(
    ("there", "first", "note"),
    [
        (
            {"DB_PASS": "older", "MAIL_PASS": "gone"},
            False,
            "since the last push: DB_PASS, MAIL_PASS\n",
        ),
        ({"DB_PASS": PASSWORD, "OPENAI_API_KEY": "older"}, False, ""),
        ({}, True, ""),
    ],
)
def test_what_was_changed_in_the_store_since_the_last_push_is_shown(
    folder: Path, bao: Bao, capsys: pytest.CaptureFixture[str], there: dict[str, str], first: bool, note: str
) -> None:
    write("DB_NAME='aipbx'\nOPENAI_API_KEY='edited-in-the-file'\n")
    store(bao, DB_PASS=PASSWORD)
    file = merging.of_host(host(bao))
    values = {"DB_NAME": "another", "OPENAI_API_KEY": "edited-in-the-file", **there}
    found = comparison.changes(rendering.environments(values), rendering.environments(file.values()))
    report.store(file, found, first=first)
    assert capsys.readouterr().out == (f"    note: changed in the store {note}" if note else "")


def test_a_deploy_asks_no_store_and_compares_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(self: VaultStore) -> None:
        raise AssertionError("a deploy has asked the store")

    monkeypatch.setattr(VaultStore, "read", asked)
    write("DB_NAME='aipbx'\nAPI_URL='https://aipbx.org/api'\n")
    there = rendering.environments({"DB_NAME": "aipbx", "API_URL": "https://old.org/api", "DB_PASS": PASSWORD})
    source = Vault(kind="vault", address="https://vault.example.org")
    remote: Any = SimpleNamespace(name=NAME, settings=SimpleNamespace(secrets_from=source))
    assert configuration.waiting(remote, there) == ["API_URL"]


def test_what_the_fleet_takes_from_a_secret_is_a_secret() -> None:
    taken = [variable for variable in VARIABLES.values() if variable.taken_from]
    assert [each.name for each in taken if VARIABLES[str(each.taken_from)].secret != each.secret] == []
