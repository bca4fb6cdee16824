"""What the application mailed, as a story reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email import message_from_string, policy


@dataclass(frozen=True)
class Mail:
    """A mail that the world's server kept.

    Args:
        account: Who had logged in to send it.
        recipients: The addresses that it was for, hidden ones too.
        subject: Its subject.
        text: Its text: plain, or HTML as it came.
    """

    account: str
    recipients: tuple[str, ...]
    subject: str
    text: str


def parse(lines: str) -> list[Mail]:
    """Return the mails that the server kept, one JSON object a line."""
    return [_mail(**json.loads(line)) for line in lines.splitlines()]


def _mail(account: str, recipients: list[str], source: str) -> Mail:
    message = message_from_string(source, policy=policy.default)
    body = message.get_body(("html", "plain"))
    return Mail(account, tuple(recipients), str(message["Subject"] or ""), str(body.get_content()) if body else "")
