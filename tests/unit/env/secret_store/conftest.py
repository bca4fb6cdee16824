"""A real OpenBao server and moto's stand-in for AWS, one each for all tests, on loopback and in memory."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import hvac
import pytest
import requests
from moto.server import ThreadedMotoServer

BAO = Path(sys.executable).parent / "bao"


@dataclass(frozen=True)
class Bao:
    """The server, unsealed; `root` may do everything."""

    address: str
    root: Any
    key: str

    def unseal(self) -> None:
        self.root.sys.submit_unseal_key(self.key)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    folder, port = tmp_path_factory.mktemp("bao"), free_port()
    listener = f'listener "tcp" {{\n  address = "127.0.0.1:{port}"\n  tls_disable = true\n}}\n'
    (folder / "bao.hcl").write_text(f'storage "inmem" {{}}\n{listener}')
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(BAO), "server", f"-config={folder}/bao.hcl"], stdout=log, stderr=log)
    try:
        yield _initialized(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(10)


def _initialized(address: str, process: subprocess.Popen[bytes]) -> Bao:
    client = hvac.Client(url=address, timeout=5)
    made = _made(client, process)
    client.token = made["root_token"]
    client.sys.submit_unseal_key(made["keys"][0])
    client.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
    client.sys.enable_auth_method("approle")
    return Bao(address, client, made["keys"][0])


def _made(client: Any, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    until = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < until:
        with suppress(requests.ConnectionError):
            return dict(client.sys.initialize(1, 1))
        time.sleep(0.05)
    raise AssertionError("OpenBao does not listen")


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
