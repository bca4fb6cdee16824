"""Secrets in moto's stand-in for AWS Secrets Manager: labels, conditions and errors are there, IAM and KMS are not."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import requests

from fleet.env.secret_store.aws import AwsStore
from fleet.inventory.secret_sources import Aws
from tests.openbao import free_port
from tests.unit.env.secret_store.conftest import Moto
from tests.unit.env.secret_store.refusals import SECRET, refusal, without_library

NAME = "aipbx/aipbx.org"


def at(seconds: float = 15.0) -> AwsStore:
    return AwsStore(Aws(kind="aws", region="eu-central-1"), "aipbx.org", seconds)


def test_what_is_written_is_read_byte_for_byte(moto: Moto) -> None:
    store = at()
    assert store.read().version == ""
    store.write({"DB_PASS": SECRET}, "")
    assert store.read().values == {"DB_PASS": SECRET}
    store.write({"DB_PASS": "next"}, store.read().version)
    assert store.read().values == {"DB_PASS": "next"}
    assert "next" not in repr(store.read())


def test_a_write_that_would_undo_another_is_refused(moto: Moto) -> None:
    store = at()
    store.write({"DB_PASS": "first"}, "")
    assert refusal(store, write="").endswith("the entry was changed by someone else meanwhile.")
    old = store.read().version
    store.write({"DB_PASS": "second"}, old)
    assert refusal(store, write=old).endswith("the entry was changed by someone else meanwhile.")
    assert store.read().values == {"DB_PASS": "second"}


def test_what_a_write_replaced_can_be_had_again(moto: Moto) -> None:
    at().write({"DB_PASS": "first"}, "")
    at().write({}, at().read().version)
    assert at().read().values == {}
    before = moto.client.get_secret_value(SecretId=NAME, VersionStage="AWSPREVIOUS")["SecretString"]
    assert json.loads(before) == {"DB_PASS": "first"}


def test_a_secret_that_waits_for_its_deletion_says_so(moto: Moto) -> None:
    at().write({"DB_PASS": "first"}, "")
    moto.client.delete_secret(SecretId=NAME)
    assert refusal(at()).endswith("the store's answer cannot be used.")


@pytest.mark.parametrize("value", [SECRET, json.dumps([SECRET]), json.dumps({"DB_PASS": {"a": SECRET}})])
def test_what_holds_no_variables_is_named(moto: Moto, value: str) -> None:
    moto.client.create_secret(Name=NAME, SecretString=value)
    assert refusal(at()).endswith("the store's answer cannot be used.")


def test_no_login_says_so(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert refusal(at()).endswith("the store refused.")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refusal(at()).endswith("the store refused.")
    monkeypatch.setenv("AWS_PROFILE", "unknown")
    assert refusal(at()).endswith("the store refused.")


def test_a_key_that_the_service_does_not_know_is_refused(moto: Moto) -> None:
    requests.post(f"{moto.address}/moto-api/reset-auth", data=b"0", timeout=5)
    try:
        assert refusal(at()).endswith("the store refused.")
        assert refusal(at(), write="").endswith("the store refused.")
    finally:
        requests.post(f"{moto.address}/moto-api/reset-auth", data=b"inf", timeout=5)


def test_no_server_says_so(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{free_port()}")
    assert refusal(at()).endswith("the store cannot be reached.")


def test_a_server_that_never_answers_is_left(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert refusal(at(seconds=0.5)).endswith("the store did not answer in time.")


def test_a_machine_without_the_library_says_so(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    without_library(monkeypatch, "botocore")
    assert refusal(at()).endswith("boto3 is not installed on this machine.")


@pytest.mark.parametrize("values", [{}, {"region": "EU"}, {"region": "eu-central-1", "address": "https://elsewhere"}])
def test_malformed_data_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Aws(kind="aws", **values)
