"""A real OpenBao server for tests: on loopback, in memory, with a KV engine of version 2."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
import requests

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


@contextmanager
def started(folder: Path) -> Iterator[Bao]:
    """The server runs within this block; its settings and its log are in a folder."""
    port = free_port()
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
