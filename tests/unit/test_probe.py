"""files/app/probe.js, run as the backend's container runs it, against a server that answers well or badly."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable

from fleet.checkout import ROOT

PROBE = (ROOT / "files" / "app" / "probe.js").read_text()
ANSWERS = {
    "/json": (200, "application/json; charset=utf-8"),
    "/missing": (404, "application/json"),
    "/throttled": (429, "application/json"),
    "/page": (200, "text/html"),
    "/untyped": (200, None),
}

# Playwright brings a Node of its own: no machine is without one.
NODE = compute_driver_executable()[0]


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, kind = ANSWERS[self.path]
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """No one reads it."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def probed(*probes: dict[str, Any]) -> tuple[int, str]:
    done = subprocess.run(
        [NODE, "-e", PROBE, json.dumps(probes)], capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, done.stdout + done.stderr


def ask(port: int, path: str) -> dict[str, Any]:
    return {"port": port, "path": path, "statuses": [200, 404], "content_type": "application/json"}


def test_well(port: int) -> None:
    assert probed(ask(port, "/json"), ask(port, "/missing")) == (0, "")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/throttled", "answered 429 application/json, wanted 200 or 404 application/json"),
        ("/page", "answered 200 text/html, wanted 200 or 404 application/json"),
        ("/untyped", "answered 200 no content type, wanted 200 or 404 application/json"),
    ],
)
def test_one_bad_answer_is_enough(path: str, said: str, port: int) -> None:
    assert probed(ask(port, "/json"), ask(port, path)) == (1, f":{port}{path} {said}\n")


def test_a_port_without_a_listener() -> None:
    with socket.socket() as taken:
        # Bound, but no one listens.
        taken.bind(("127.0.0.1", 0))
        free = taken.getsockname()[1]
        assert probed(ask(free, "/json")) == (1, f":{free}/json ECONNREFUSED\n")
