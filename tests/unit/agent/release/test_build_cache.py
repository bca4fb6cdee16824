"""Docker's build cache, asked of a stand-in for the Engine's socket: the requests are real, the answers were copied."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from aipbx_agent.core import engine_api
from aipbx_agent.core.errors import Failed
from aipbx_agent.release import build_cache


class Engine(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []
    status: ClassVar[int] = 200
    cache: ClassVar[list[dict[str, object]] | None] = None

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps({"BuildCache": self.cache}).encode())

    def do_POST(self) -> None:
        self.do_GET()

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Engine]]:
    monkeypatch.setattr(engine_api, "SOCKET", str(tmp_path / "s"))
    monkeypatch.setattr(Engine, "asked", [])
    with socketserver.UnixStreamServer(str(tmp_path / "s"), Engine) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield Engine
        server.shutdown()


def test_what_images_have_too_does_not_count(engine: type[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [{"Size": 5, "Shared": False}, {"Size": 7, "Shared": True}, {"Size": 2, "Shared": False}]
    for cache, bytes_ in ((parts, 7), ([], 0), (None, 0)):
        monkeypatch.setattr(engine, "cache", cache)
        assert build_cache.size() == bytes_


def test_it_is_pruned_down_to_what_stays(engine: type[Engine]) -> None:
    build_cache.prune()
    assert engine.asked == ["POST /v1.44/build/prune?all=true&keep-storage=4294967296"]


def test_an_engine_that_refuses_or_is_not_there(engine: type[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "status", 500)
    with pytest.raises(Failed, match="build cache"):
        build_cache.size()
    monkeypatch.setattr(engine_api, "SOCKET", "/none")
    with pytest.raises(Failed, match="No such file"):
        build_cache.size()
