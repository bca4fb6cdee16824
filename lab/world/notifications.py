"""What the hosts posted to Slack and Telegram, as a story reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lab.errors import LabError
from lab.world.receivers import ERROR, RECEIVERS, SILENCE


@dataclass(frozen=True)
class Notification:
    """One request to a receiver of notifications.

    Args:
        receiver: The name that it was sent to, such as ``hooks.slack.com``.
        path: Its path.
        content_type: Its Content-Type.
        body: Its body, as it came.
        status: The HTTP status that it was answered with; 0 when there was no answer.
    """

    receiver: str
    path: str
    content_type: str
    body: str
    status: int


def parse(lines: str) -> list[Notification]:
    """Return the notifications that the receivers kept, one JSON object a line."""
    return [Notification(**json.loads(line)) for line in lines.splitlines()]


def refuse_unknown(receiver: str, how: str) -> None:
    """Refuse a receiver that the world does not have, and a failure that it does not know.

    Raises:
        LabError: It is one of these.
    """
    if receiver not in RECEIVERS or how not in (ERROR, SILENCE):
        raise LabError(
            f"{receiver} cannot be made to fail with {how!r}",
            f"the world receives notifications as {' and '.join(RECEIVERS)}, which fail with {ERROR!r} or {SILENCE!r}",
            "give one of these",
        )
