"""A stand-in for backend and frontend: says what it was asked, and misbehaves as its path says. Arguments: ports."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FRONTEND = 8080


class Handler(BaseHTTPRequestHandler):
    """Answers with what nginx handed on."""

    protocol_version = "HTTP/1.1"
    server: ThreadingHTTPServer

    def do_GET(self) -> None:
        """Answer anything."""
        sent = len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        path = self.path.partition("?")[0]
        if self.headers.get("Upgrade"):
            self.upgraded()
            return
        body = json.dumps({"path": self.path, "body": sent, "headers": dict(self.headers)}).encode()
        self.send_response(404 if "missing" in path else 500 if "boom" in path else 200)
        # What a real one sends, too: nginx says its own.
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("X-Powered-By", "Express")
        self.send_header("Content-Security-Policy", "default-src *")
        if path.endswith(".js"):
            self.send_header("Cache-Control", "public, max-age=31536000, immutable")
        self.send_header("Content-Type", self.kind(path))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET  # noqa: N815  the names that http.server looks for

    def kind(self, path: str) -> str:
        """The content type: pages and scripts of the frontend, JSON of the backend."""
        if self.server.server_port != FRONTEND:
            return "application/json"
        return "text/javascript" if path.endswith(".js") else "text/html"

    def upgraded(self) -> None:
        """Agree to another protocol, and say something in it."""
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        self.wfile.write(b"hello over the socket")
        if self.path == "/ws/held":
            self.rfile.read()
        self.close_connection = True


if __name__ == "__main__":
    servers = [ThreadingHTTPServer(("", int(port)), Handler) for port in sys.argv[1:]]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()
