"""`inv env.move`: nothing is removed before what was written has been read back, and there is a way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyrage
import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

from fleet.env import tasks
from fleet.env.dotenv import dotenv_file, files
from fleet.env.secret_store import merging, opening
from fleet.env.secret_store.protocol import SecretStore
from fleet.inventory import secret_sources
from fleet.inventory.hosts import Host
from tests.openbao import Bao
from tests.unit.env.dotenv.test_checks import GOOD
from tests.unit.env.secret_store.conftest import Moto

NAME = "aipbx.org"
SECRET = "pa$$ # ' \" \\ é-and-more"  # noqa: S105  of no database
VALUES = {**GOOD, "DB_PASS": SECRET}
MOVED = {"DB_PASS", "PRIVATE_KEY", "ENCRYPTION_KEY", "HELPDESK_ENCRYPTION_KEY", "OPENAI_API_KEY", "STRIPE_SECRET_KEY"}
TEXT = "# what it opens\n" + dotenv_file.written(VALUES) + "# the end\n"


@pytest.fixture(params=["vault", "aws"])
def source(bao: Bao, moto: Moto, request: pytest.FixtureRequest) -> dict[str, str]:
    found = {"vault": {"address": bao.address}, "aws": {"region": "eu-central-1"}}
    return {"kind": request.param, **found[request.param]}


@pytest.fixture
def host(source: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose data name the store, and whose env file has everything; this operator can encrypt."""
    (tmp_path / "ssh_config").write_text("")
    (tmp_path / "env").mkdir()
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "age.key").write_text(f"{key}\n")
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "age.key"))
    chosen = Host(NAME, (), {"secrets_from": source})
    monkeypatch.setattr(tasks, "hosts_to_change", lambda _: [chosen])
    files.save(files.paths(NAME)[0], TEXT.encode())
    (files.paths(NAME)[0].parent / "recipients.txt").write_text(f"{key.to_public()}\n")
    return chosen


def move(to: str, *, dry: bool = False) -> None:
    tasks.move(Context(Config(overrides={"run": {"dry": dry}})), host=NAME, to=to, yes=True)


def store_of(host: Host) -> SecretStore:
    source = secret_sources.declared(host.data)
    assert source
    return opening.store(NAME, source)


def stored(host: Host) -> Mapping[str, str]:
    return store_of(host).read().values


def text() -> str:
    return files.load(NAME).content.decode()


def test_secrets_move_into_the_store_and_back(
    host: Host, source: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    move(source["kind"])
    assert set(stored(host)) == MOVED
    assert SECRET not in text()
    assert "# DB_PASS=\n" in text()
    assert merging.of_host(host).values() == VALUES
    move("age")
    assert text() == TEXT
    assert [path.exists() for path in files.paths(NAME)] == [False, True]
    assert stored(host) == {}
    shown = "".join(capsys.readouterr())
    assert not [value for name, value in VALUES.items() if name in MOVED and value in shown]
    move(source["kind"])
    assert merging.of_host(host).values() == VALUES
    assert files.load(NAME).sealed


def test_what_the_store_has_already_stays(host: Host, source: dict[str, str]) -> None:
    store_of(host).write({"MAIL_PASS": "another-one"}, store_of(host).read().version)
    move(source["kind"])
    assert set(stored(host)) == {*MOVED, "MAIL_PASS"}


def test_a_dry_run_changes_nothing(host: Host, source: dict[str, str]) -> None:
    with pytest.raises(Exit) as ended:
        move(source["kind"], dry=True)
    assert "Dry run" in str(ended.value)
    assert (text(), stored(host)) == (TEXT, {})


def between(monkeypatch: pytest.MonkeyPatch, host: Host, do: Callable[[Any], None]) -> None:
    """Have something happen right after the store was written."""
    kind = type(store_of(host))
    write = kind.write

    def written(self: Any, values: Mapping[str, str], replaces: str) -> None:
        write(self, values, replaces)
        monkeypatch.setattr(kind, "write", write)
        do(self)

    monkeypatch.setattr(kind, "write", written)


def refused(to: str) -> str:
    with pytest.raises(Exit) as ended:
        move(to)
    assert SECRET not in str(ended.value)
    return str(ended.value)


def test_the_next_run_ends_one_that_was_killed(
    host: Host, source: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Any) -> None:
        raise KeyboardInterrupt

    between(monkeypatch, host, killed)
    with pytest.raises(Exit):
        move(source["kind"])
    assert text() == TEXT
    assert merging.of_host(host).values() == VALUES, "both have them, and a push is as good as before"
    move(source["kind"])
    assert SECRET not in text()


def test_what_reads_back_differently_removes_nothing(
    host: Host, source: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def overwritten(store: Any) -> None:
        now = store.read()
        store.write({**now.values, "DB_PASS": "of somebody else"}, now.version)

    between(monkeypatch, host, overwritten)
    assert "what was read back differs from what was written: DB_PASS." in refused(source["kind"])
    assert text() == TEXT


def test_a_file_that_was_edited_meanwhile_is_left_alone(
    host: Host, source: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    between(monkeypatch, host, lambda _: files.save(files.paths(NAME)[0], TEXT.encode() + b"X='1'\n"))
    assert "may be in both places now: " in refused(source["kind"])
    assert text() == TEXT + "X='1'\n"


def test_a_store_that_says_something_else_is_not_overwritten(host: Host, source: dict[str, str]) -> None:
    store_of(host).write({"DB_PASS": "another"}, store_of(host).read().version)
    assert "say different things about DB_PASS" in refused(source["kind"])
    assert (text(), stored(host)) == (TEXT, {"DB_PASS": "another"})


def test_a_store_that_someone_writes_on_the_way_back_keeps_it(
    host: Host, source: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    move(source["kind"])
    save = files.save

    def saved(path: Path, content: bytes) -> None:
        save(path, content)
        store = store_of(host)
        store.write({"DB_PASS": "newer"}, store.read().version)

    monkeypatch.setattr(files, "save", saved)
    assert "changed by someone else meanwhile" in refused("age")
    assert stored(host) == {"DB_PASS": "newer"}


def test_without_recipients_nothing_leaves_the_store(host: Host, source: dict[str, str]) -> None:
    move(source["kind"])
    (files.paths(NAME)[0].parent / "recipients.txt").unlink()
    assert "There are no recipients" in refused("age")
    assert set(stored(host)) == MOVED


@pytest.mark.parametrize("to", ["", "keepass"])
def test_a_store_that_the_inventory_does_not_name_is_refused(host: Host, to: str) -> None:
    assert f"does not name a store of the kind {to!r}" in refused(to)


def test_without_a_store_age_encrypts_the_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "hosts_to_change", lambda _: [Host(NAME, (), {"secrets_from": {}})])
    move("age")
    assert (text(), files.load(NAME).sealed) == (TEXT, True)
    move("age")


def test_a_file_with_errors_is_not_moved(host: Host, source: dict[str, str]) -> None:
    files.save(files.paths(NAME)[0], TEXT.replace(GOOD["OPENAI_API_KEY"], "sk-proj-...").encode())
    assert "OPENAI_API_KEY still is a placeholder" in refused(source["kind"])
    assert stored(host) == {}


def test_several_hosts_are_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "hosts_to_change", lambda _: [host, host])
    assert "takes one host" in refused("age")


def test_the_secrets_of_a_new_file_go_into_the_store_at_once(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fleet.env.address.public_address", lambda _: "203.0.113.20")
    files.paths(NAME)[0].unlink()
    tasks.init(Context(), host=NAME)
    made = stored(host)
    assert {"DB_PASS", "PRIVATE_KEY", "ENCRYPTION_KEY"} <= made.keys()
    assert not [value for value in made.values() if value in text() + capsys.readouterr().out]
    assert "\nOPENAI_API_KEY='<" in text(), "an operator has that one"
    files.paths(NAME)[0].unlink()
    tasks.init(Context(), host=NAME)
    assert stored(host) == made, "on a second machine, the store has them"
    assert "# DB_PASS=\n" in text()
