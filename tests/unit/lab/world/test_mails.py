"""The world's mail server, spoken to by Python's own client."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from lab.world import mail_server, mails


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(mail_server, "KEPT", tmp_path / "mails")
    with mail_server.Server(("::1", 0), mail_server.Session) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def message(subject: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "aipbx@aipbx.test", "user@aipbx.test", subject
    made.set_content("Code: 123456\n.\nthe end\n")
    return made


def test_a_mail_is_kept_whole(port: int) -> None:
    with smtplib.SMTP("::1", port) as client:
        client.login("aipbx@aipbx.test", "secret")
        client.send_message(message("Код авторизации"), to_addrs=["user@aipbx.test", "aipbx@aipbx.test"])
        client.send_message(message("two"))
    one, two = mails.parse(mail_server.KEPT.read_text())
    assert (one.account, one.subject) == ("aipbx@aipbx.test", "Код авторизации")
    assert one.recipients == ("user@aipbx.test", "aipbx@aipbx.test")
    assert one.text == "Code: 123456\n.\nthe end\n"
    assert two.recipients == ("user@aipbx.test",)


def test_no_mail_is_sent_without_a_login(port: int) -> None:
    with smtplib.SMTP("::1", port) as client, pytest.raises(smtplib.SMTPSenderRefused, match="log in first"):
        client.send_message(message("one"))
    with smtplib.SMTP("::1", port) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("aipbx@aipbx.test", "")


def test_what_came_is_read_line_by_line() -> None:
    assert mails.parse("") == []
