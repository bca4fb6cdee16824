"""Secrets in a real OpenBao: what is written is read, and each failure has its message, without a secret in it."""

from __future__ import annotations

import socket
import time

import pytest

from fleet.env.secret_store.vault import VaultStore
from fleet.inventory.secret_sources import Vault
from tests.openbao import Bao, free_port
from tests.unit.env.secret_store.refusals import SECRET, refusal, without_library

ENTRY = {"path": "aipbx/aipbx.org", "mount_point": "secret"}


def at(address: str, seconds: float = 15.0, mount: str = "secret") -> VaultStore:
    return VaultStore(Vault(kind="vault", address=address, mount=mount), "aipbx.org", seconds)


def test_what_is_written_is_read_byte_for_byte(bao: Bao) -> None:
    store = at(bao.address)
    assert store.read().version == "0"
    store.write({"DB_PASS": SECRET}, "0")
    assert (store.read().values, store.read().version) == ({"DB_PASS": SECRET}, "1")
    assert SECRET not in repr(store.read())


def test_a_write_that_would_undo_another_is_refused(bao: Bao) -> None:
    store = at(bao.address)
    store.write({"DB_PASS": "first"}, "0")
    assert refusal(store, write="0").endswith("the entry was changed by someone else meanwhile.")
    assert store.read().values == {"DB_PASS": "first"}


def test_a_deleted_entry_is_empty_and_can_be_written_again(bao: Bao) -> None:
    store = at(bao.address)
    store.write({"DB_PASS": "first"}, "0")
    bao.root.secrets.kv.v2.delete_latest_version_of_secret(**ENTRY)
    assert (store.read().values, store.read().version) == ({}, "1")
    store.write({"DB_PASS": "second"}, "1")
    assert store.read().values == {"DB_PASS": "second"}


def test_a_sealed_store_says_so(bao: Bao) -> None:
    bao.root.sys.seal()
    try:
        assert refusal(at(bao.address)).endswith("the store is sealed.")
    finally:
        bao.unseal()


def test_a_login_that_is_not_allowed_says_so(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "s.unknown")
    assert refusal(at(bao.address)).endswith("the store refused.")
    monkeypatch.delenv("VAULT_TOKEN")
    assert refusal(at(bao.address)).endswith("the store refused.")
    monkeypatch.setenv("VAULT_ROLE_ID", "unknown")
    monkeypatch.setenv("VAULT_SECRET_ID", "unknown")
    assert refusal(at(bao.address)).endswith("the store refused.")


def test_ci_reads_by_its_role_and_writes_nothing(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    at(bao.address).write({"DB_PASS": "first"}, "0")
    rules = 'path "secret/data/aipbx/*" { capabilities = ["read"] }'
    bao.root.sys.create_or_update_policy("ci", rules)
    role = bao.root.auth.approle
    role.create_or_update_approle("ci", token_policies=["ci"])
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_ROLE_ID", role.read_role_id("ci")["data"]["role_id"])
    monkeypatch.setenv("VAULT_SECRET_ID", role.generate_secret_id("ci")["data"]["secret_id"])
    assert at(bao.address).read().values == {"DB_PASS": "first"}
    assert refusal(at(bao.address), write="0").endswith("the store refused.")


def test_the_policy_that_docs_give_operators_is_enough(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = 'path "secret/data/aipbx/*" { capabilities = ["create", "read", "update"] }'
    bao.root.sys.create_or_update_policy("operator", rules)
    token = bao.root.auth.token.create(policies=["operator"], no_default_policy=True)["auth"]["client_token"]
    monkeypatch.setenv("VAULT_TOKEN", token)
    at(bao.address).write({"DB_PASS": "first"}, "0")
    at(bao.address).write({"DB_PASS": "second"}, "1")
    assert at(bao.address).read().values == {"DB_PASS": "second"}


def test_a_server_without_the_engine_says_so(bao: Bao) -> None:
    assert refusal(at(bao.address, mount="elsewhere")).endswith("the store's answer cannot be used.")


def test_what_is_not_text_is_named(bao: Bao) -> None:
    bao.root.secrets.kv.v2.create_or_update_secret(secret={"DB_PASS": {"a": SECRET}}, **ENTRY)
    assert refusal(at(bao.address)).endswith("the store's answer cannot be used.")


def test_no_server_says_so(bao: Bao) -> None:
    assert refusal(at(f"http://127.0.0.1:{free_port()}")).endswith("the store cannot be reached.")


def test_a_server_that_never_answers_is_left(bao: Bao) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        store = at(f"http://127.0.0.1:{mute.getsockname()[1]}", seconds=0.5)
        assert refusal(store).endswith("the store did not answer in time.")
        assert time.monotonic() - began < 5


def test_a_machine_without_the_library_says_so(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    without_library(monkeypatch, "hvac")
    assert refusal(at(bao.address)).endswith("hvac is not installed on this machine.")
