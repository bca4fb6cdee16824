"""A stand-in for GitHub's API on this machine: the few paths that are used, as it documents them. It is not GitHub."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nacl.public import PrivateKey, SealedBox

TOKEN = "the-token-of-the-test"  # noqa: S105 - opens the stand-in


@dataclass
class StandIn:
    """What it has, and what was asked.

    Attributes:
        address: of it.
        repositories: environments by name, by repository.
        policies: the patterns of an environment's branches, by its path.
        ages: of secrets: when each was set, by its path.
        values: of secrets that were set, as decrypted here, by path.
        refusals: status and headers instead of an answer, by method and path.
        asked: method and path of every request.
    """

    address: str = ""
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, list[str]] = field(default_factory=dict)
    ages: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    refusals: dict[tuple[str, str], tuple[int, dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    key: PrivateKey = field(default_factory=PrivateKey.generate)

    def answer(self, method: str, path: str, content: Any) -> tuple[int, Any]:
        """Return status and content."""
        _, _, owner, name, *rest = path.split("/")
        there = self.repositories.get(f"{owner}/{name}")
        if there is None:
            return 404, {}
        if path.endswith("/secrets/public-key"):
            return 200, {"key": base64.b64encode(bytes(self.key.public_key)).decode(), "key_id": "7"}
        if "secrets" in rest:
            return self._secrets(method, path, content)
        if rest[-1] == "deployment-branch-policies":
            if method == "POST":
                self.policies.setdefault(path, []).append(content["name"])
            return 200, {"branch_policies": [{"name": one} for one in self.policies.get(path, [])]}
        if method == "PUT":
            there[rest[-1]] = content
        return 200, {"environments": [{"name": one, **data} for one, data in there.items()]}

    def _secrets(self, method: str, path: str, content: Any) -> tuple[int, Any]:
        if method == "PUT":
            assert content["key_id"] == "7"
            encrypted = base64.b64decode(content["encrypted_value"])
            self.values[path] = SealedBox(self.key).decrypt(encrypted).decode()
            return 201, None
        own = {one.removeprefix(f"{path}/"): age for one, age in self.ages.items() if one.startswith(f"{path}/")}
        return 200, {"secrets": [{"name": one, "updated_at": age} for one, age in own.items()]}


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    def _do(self) -> None:
        github: StandIn = self.server.github  # type: ignore[attr-defined] # ours
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        github.asked.append((self.command, path))
        github.bodies.append(body.decode())
        status, headers = github.refusals.get((self.command, path), (0, {}))
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status = 401
        content = None
        if not status:
            status, content = github.answer(self.command, path, json.loads(body or b"null"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if content is not None:
            self.wfile.write(json.dumps(_page(content, query)).encode())

    do_GET = do_PUT = do_POST = _do  # noqa: N815 - as http.server names them

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


def _page(content: dict[str, Any], query: str) -> dict[str, Any]:
    """What of a list is on the page that is asked for."""
    asked = dict(word.split("=") for word in query.split("&") if word)
    if not asked:
        return content
    size, number = int(asked["per_page"]), int(asked["page"])
    return {name: entries[size * (number - 1) : size * number] for name, entries in content.items()}


@contextmanager
def running() -> Iterator[StandIn]:
    """Run it on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    github = StandIn(f"http://127.0.0.1:{server.server_port}")
    server.github = github  # type: ignore[attr-defined] # for its handler
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
