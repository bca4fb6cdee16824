"""What a release stands on: brought to a host before the host itself lets the release take its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fleet import agent
from fleet.output import step
from fleet.release.switch import goes_by
from fleet.tls import operations

if TYPE_CHECKING:
    from fleet.remote import Remote

# A database that replays its log or is put back, roles that wait for a quiet moment, extra services.
PREPARE_SECONDS = 1200
FILL_SECONDS = 360


def stage(remote: Remote, images: dict[str, str]) -> None:
    """Write down which images shall run, in a file of their own, and have Compose check the whole.

    Raises:
        OperatorError: Compose cannot read the stack with them.
    """
    agent.query(remote, ["prepare"], _request(remote, images))


def prepare(remote: Remote, images: dict[str, str], overlaps: int | None) -> None:
    """The same, and start what every release stands on, unless it runs as declared: database, extra services, nginx.

    Args:
        images: full reference by service.
        overlaps: for how many seconds calls may continue beside a new backend, to be refused where the application's
            timers would run twice; None: it is not asked.

    Raises:
        OperatorError: it was refused; nothing that runs was touched.
        FailedError: one of them does not become healthy.
    """
    data = remote.settings
    base = {"base": True, "volumes": data.running_volumes, "extra": list(data.extra_running), "overlaps": overlaps}
    agent.run(remote, ["prepare"], seconds=PREPARE_SECONDS, stdin=_request(remote, images, **base))


def _request(remote: Remote, images: dict[str, str], **others: Any) -> bytes:
    request = {"images": images, "settings": goes_by(remote)}
    return json.dumps({"base": False, "volumes": [], "extra": [], "overlaps": None} | request | others).encode()


def fill_volumes(remote: Remote, images: dict[str, str]) -> bool:
    """Bring what the images ship into the volumes that hide it: static files, and assets for tabs that stay open.

    Returns: whether the host has a certificate to serve it with.
    """
    return bool(agent.query(remote, ["fill"], json.dumps(images).encode(), seconds=FILL_SECONDS)["certificate"])


def certificate(remote: Remote) -> None:
    """Have the host get its first certificate; afterwards its timer sees to it, and a deploy does not wait for that.

    Raises:
        OperatorError: it cannot be had.
    """
    with step("first certificate"):
        operations.ensure(remote)
