"""What is posted where; a receiver that fails stops nothing and gives no secret away."""

import argparse
import http.server
import io
import json
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.report import notify, send_notice

HOOK = "https://hooks.slack.com/services/T/B/hunter2"
BOT = {"ALERT_TELEGRAM_BOT_TOKEN": "1:hunter2", "ALERT_TELEGRAM_CHAT": "-100"}


def config(**secrets: str) -> Config:
    return Config({"host": "aipbx.org"}, {}, secrets)


def test_slack_gets_its_own_signs_escaped() -> None:
    (message,) = notify.messages({"ALERT_SLACK_WEBHOOK": HOOK}, "aipbx.org: backup failed", "a <b> & c")
    assert (message.receiver, message.url) == ("Slack", HOOK)
    assert message.payload == {"text": "*aipbx.org: backup failed*\na &lt;b&gt; &amp; c"}


def test_telegram_gets_chat_and_text_no_longer_than_it_takes() -> None:
    (message,) = notify.messages(BOT, "title", "ы" * 9000)
    assert message.url == "https://api.telegram.org/bot1:hunter2/sendMessage"
    assert message.payload["chat_id"] == "-100"
    assert len(message.payload["text"]) < 4096


@pytest.mark.parametrize("name", list(BOT))
def test_half_of_telegram_is_none(name: str) -> None:
    assert notify.messages({name: BOT[name]}, "title", "text") == []


def test_missing_receivers_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    notify.send(config(), "title", "text")
    assert "No one is notified" in capsys.readouterr().out


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers 404 below /missing, else 200; keeps what came."""

    came: ClassVar[list[object]] = []

    def do_POST(self) -> None:
        self.came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.came.clear()
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_it_arrives(receiver: str, capsys: pytest.CaptureFixture[str]) -> None:
    notify.send(config(ALERT_SLACK_WEBHOOK=f"{receiver}/hunter2"), "title", "text")
    assert Receiver.came == [{"text": "*title*\ntext"}]
    assert capsys.readouterr().out == "Slack was notified.\n"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("{}/missing/hunter2", "it answered 404"),
        ("http://127.0.0.1:1/hunter2", "Connection refused"),
        ("http://nowhere.invalid/hunter2", "Name or service not known"),
        ("http://[hunter2", "ValueError"),
        ("hunter2", "ValueError"),
        ("http://127.0.0.1:1/hunter 2", "InvalidURL"),
    ],
)
def test_a_receiver_that_fails_is_noted_without_its_secret(
    address: str, why: str, receiver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    notify.send(config(ALERT_SLACK_WEBHOOK=address.format(receiver)), "title", "text")
    said = capsys.readouterr().out
    assert "Slack was not notified: " in said
    assert why in said or "name resolution" in said
    assert "hunter2" not in said


def test_a_notice_has_its_first_line_as_title(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(notify, "send", lambda _, title, text: sent.append((title, text)))
    monkeypatch.setattr("sys.stdin", io.StringIO("aipbx.org: deployed\nbackend: 1 → 2\n"))
    send_notice.main(config(ALERT_SLACK_WEBHOOK=HOOK), argparse.Namespace())
    assert sent == [("aipbx.org: deployed", "backend: 1 → 2")]
    send_notice.main(config(), argparse.Namespace())
    assert len(sent) == 1
    assert "not set" not in capsys.readouterr().out
