"""The receivers of notifications in the world: they keep what comes, and answer as Slack, Telegram and Healthchecks do.

This file runs inside the world, on Python alone, and imports nothing of the lab's.
"""

from __future__ import annotations

import json
import re
import select
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable

PORT = 5003
FOLDER = Path("/run/receivers")
KEPT = FOLDER / "notifications.jsonl"
SLACK = "hooks.slack.com"
TELEGRAM = "api.telegram.org"
# Notifies its customers when it is asked no longer.
HEALTHCHECKS = "hc-ping.com"
# How a receiver can fail: the status 500, or no answer at all.
ERROR = "error"
SILENCE = "silence"

_WEBHOOK = re.compile(r"/services/[^/]+/[^/]+/[^/]+")
_BOT = re.compile(r"/bot\d+:[\w-]+/sendMessage")
_CHECK = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_TEXT = 4096
_FORM = "application/x-www-form-urlencoded"
_WRITING = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """What a receiver says to a request.

    Args:
        status: The HTTP status.
        body: The body: text, or what becomes JSON.
    """

    status: int
    body: str | dict[str, Any]

    def encoded(self) -> tuple[str, bytes]:
        """Return the content type and the bytes of the body."""
        if isinstance(self.body, str):
            return "text/html", self.body.encode()
        return "application/json", json.dumps(self.body).encode()


def slack(path: str, content_type: str, body: str) -> Answer:
    """Answer as an incoming webhook of Slack's.

    Args:
        path: The request's path.
        content_type: Its Content-Type, without parameters.
        body: Its body.
    """
    if not _WEBHOOK.fullmatch(path):
        return Answer(404, "no_service")
    payload = dict(parse_qsl(body)).get("payload", "") if content_type == _FORM else body
    message = _json(payload)
    if not isinstance(message, dict):
        return Answer(400, "invalid_payload")
    if not any(message.get(part) for part in ("text", "blocks", "attachments")):
        return Answer(400, "no_text")
    return Answer(200, "ok")


def telegram(path: str, content_type: str, body: str) -> Answer:
    """Answer as the sendMessage of a bot of Telegram's; arguments as in slack()."""
    if not _BOT.fullmatch(path):
        return _refused(404, "Not Found")
    message = _json(body) if content_type == "application/json" else dict(parse_qsl(body))
    if not isinstance(message, dict):
        return _refused(400, "Bad Request: can't parse JSON object")
    chat, text = message.get("chat_id"), str(message.get("text", ""))
    if not chat:
        return _refused(400, "Bad Request: chat_id is empty")
    if not text:
        return _refused(400, "Bad Request: message text is empty")
    if len(text) > _LONGEST_TEXT:
        return _refused(400, "Bad Request: message is too long")
    sent = {"message_id": 1, "date": int(time.time()), "chat": {"id": chat}, "text": text}
    return Answer(200, {"ok": True, "result": sent})


def healthchecks(path: str, _content_type: str, _body: str) -> Answer:
    """Answer as a check of Healthchecks', which takes any body; arguments as in slack()."""
    return Answer(200, "OK") if _CHECK.fullmatch(path) else Answer(404, "not found")


def _refused(status: int, why: str) -> Answer:
    return Answer(status, {"ok": False, "error_code": status, "description": why})


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


RECEIVERS: dict[str, Callable[[str, str, str], Answer]] = {
    SLACK: slack,
    TELEGRAM: telegram,
    HEALTHCHECKS: healthchecks,
}


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted, and answers it."""

    def do_POST(self) -> None:  # http.server's name for it
        """Keep the request, then answer as it deserves, or as the receiver was told to."""
        name = self.headers.get("Host", "")
        content_type = self.headers.get("Content-Type", "")
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode(errors="replace")
        path = FOLDER / name
        failure = path.read_text() if path.exists() else ""
        answer = RECEIVERS[name](self.path, content_type.partition(";")[0].strip(), body)
        if failure == ERROR:
            answer = _refused(500, "Internal Server Error") if name == TELEGRAM else Answer(500, "server_error")
        status = 0 if failure == SILENCE else answer.status
        _keep({"receiver": name, "path": self.path, "content_type": content_type, "body": body, "status": status})
        if failure == SILENCE:
            self._say_nothing(path)
        else:
            self._say(answer)

    def _say(self, answer: Answer) -> None:
        kind, encoded = answer.encoded()
        self.send_response(answer.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def _say_nothing(self, path: Path) -> None:
        """Hold the connection until the other side gives up, or the receiver may speak again."""
        while path.exists() and not select.select([self.connection], [], [], 0.2)[0]:
            pass

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name for it
        """Leave the world's log alone: what came is kept."""


def _keep(record: dict[str, Any]) -> None:
    # In one piece: anyone who reads meanwhile finds whole lines.
    with _WRITING, KEPT.open("ab", buffering=0) as file:
        file.write(json.dumps(record).encode() + b"\n")


def main() -> None:
    """Begin with nothing kept and no one told to fail, then receive until the process ends."""
    FOLDER.mkdir(exist_ok=True)
    for left in FOLDER.iterdir():
        left.unlink()
    ThreadingHTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()


if __name__ == "__main__":
    main()
