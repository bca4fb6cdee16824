"""A real OpenBao server and moto's stand-in for AWS, one each for all tests, on loopback and in memory; and sops."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyrage
import pytest
import requests
from moto.server import ThreadedMotoServer

from tests import openbao
from tests.openbao import Bao

STAND_IN = Path(__file__).with_name("sops_stand_in.py")
REAL = shutil.which("sops")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao.started(tmp_path_factory.mktemp("bao")) as bao:
        yield bao


@pytest.fixture
def bao(server: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bao:
    """The server, for an operator who has root's token and nothing else."""
    for name in ("VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_CACERT", "VAULT_NAMESPACE", "VAULT_ADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VAULT_TOKEN", server.root.token)
    server.root.secrets.kv.v2.delete_metadata_and_all_versions("aipbx/aipbx.org", mount_point="secret")
    return server


@dataclass(frozen=True)
class Moto:
    """The stand-in; `client` may do everything."""

    address: str
    client: Any


@pytest.fixture(scope="session")
def stand_in() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


@pytest.fixture
def moto(stand_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """The stand-in, empty, for an operator who has a key and nothing else."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", stand_in)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-no-account")
    requests.post(f"{stand_in}/moto-api/reset", timeout=5)
    return Moto(stand_in, boto3.client("secretsmanager", region_name="eu-central-1"))


@pytest.fixture(params=["stand-in", *(["real"] if REAL else [])])
def sops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """The folder of env files of an operator who has sops and a key; .sops.yaml there says to whom is encrypted."""
    folder, programs = tmp_path / "env", tmp_path / "programs"
    for one in (folder, programs):
        one.mkdir(exist_ok=True)
    key = pyrage.x25519.Identity.generate()
    # The stand-in knows its key by the last word of both files.
    to = key.to_public() if request.param == "real" else "age1-of-the-stand-in"
    (tmp_path / "sops.key").write_text(f"{key}\n" if request.param == "real" else f"{to}\n")
    (folder / ".sops.yaml").write_text(f"creation_rules:\n  - age: {to}\n")
    (tmp_path / "ssh_config").write_text("")
    if request.param == "stand-in":
        (programs / "sops").write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
        (programs / "sops").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(tmp_path / "sops.key"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    return folder
