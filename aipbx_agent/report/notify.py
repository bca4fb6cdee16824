"""Notifications to the operators, by Slack or Telegram; what cannot be sent goes to the journal."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aipbx_agent.core import events, metrics
from aipbx_agent.core.config import Config

SECONDS = 15
# Telegram's longest text is 4096 characters.
LONGEST = 3500


@dataclass(frozen=True)
class Message:
    """A request to one receiver.

    Args:
        receiver: its name, for the journal.
        url: where it goes; secret.
        payload: what is posted, as JSON.
    """

    receiver: str
    url: str
    payload: dict[str, Any]


def messages(secrets: dict[str, str], title: str, text: str) -> list[Message]:
    """What would be sent, and where.

    Args:
        secrets: the host's own variables.
        title: what it is about, in one line.
        text: the rest.
    """
    prepared = []
    body = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    if hook := secrets.get("ALERT_SLACK_WEBHOOK"):
        # `<`, `>` and `&` are Slack's own signs.
        escaped = body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        prepared.append(Message("Slack", hook, {"text": f"*{title}*\n{escaped}"}))
    token, chat = secrets.get("ALERT_TELEGRAM_BOT_TOKEN"), secrets.get("ALERT_TELEGRAM_CHAT")
    if token and chat:
        url = f"https://api.telegram.org/bot{token}/sendMessage"
        prepared.append(Message("Telegram", url, {"chat_id": chat, "text": f"{title}\n{body}"}))
    return prepared


def receivers(secrets: dict[str, str]) -> list[str]:
    """The receivers."""
    return [message.receiver for message in messages(secrets, "", "")]


def send(config: Config, title: str, text: str) -> bool:
    """Notify the operators, and return whether any receiver took it; that none did is noted, and stops nothing.

    Args:
        title: what it is about, in one line.
        text: the rest.
    """
    outgoing = messages(config.secrets, title, text)
    if not outgoing:
        events.note("No one is notified: neither ALERT_SLACK_WEBHOOK nor ALERT_TELEGRAM_* is set (inv env.edit).")
    problems = [_posted(message) for message in outgoing]
    for message, problem in zip(outgoing, problems, strict=True):
        events.note(
            f"{message.receiver} was not notified: {problem}" if problem else f"{message.receiver} was notified."
        )
    _figures(outgoing, problems)
    return "" in problems


def _figures(outgoing: list[Message], problems: list[str]) -> None:
    """Whether each receiver took its last message: one that does not is reported through the others."""
    with suppress(OSError):  # what is to be sent matters more
        metrics.write(
            "notify",
            [
                metrics.sample("aipbx_notify_ok", int(not problem), receiver=message.receiver)
                for message, problem in zip(outgoing, problems, strict=True)
            ],
        )


def _posted(message: Message) -> str:
    """Post it. Returns: why it did not get there; never with the URL, which is a secret."""
    try:
        request = urllib.request.Request(  # noqa: S310  the format of both URLs was checked before they were pushed
            message.url, json.dumps(message.payload).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError as problem:
        return f"it answered {problem.code}"
    except urllib.error.URLError as problem:
        return str(problem.reason)
    except TimeoutError:
        return f"it did not answer within {SECONDS} s"
    except (OSError, ValueError, http.client.HTTPException) as problem:
        return type(problem).__name__
    return ""
