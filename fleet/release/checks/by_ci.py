"""What is otherwise when CI deploys: its account cannot choose, and what it cannot see it must not pretend to know."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from aipbx_agent.ci.values import is_ours
from aipbx_agent.contract import SERVICES
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.remote import Remote
    from fleet.state.survey import Survey

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def refuse(remotes: list[Remote], service: str, shas: Sequence[str], chosen: Sequence[str]) -> None:
    """Refuse a deploy of CI's that its account cannot carry out, or that would bring what no one named.

    Args:
        remotes: the hosts.
        service: the one that moves; empty: both.
        shas: commits as typed.
        chosen: the options that only an operator has, of those that were typed.

    Raises:
        OperatorError: why not.
    """
    if not remotes[0].restricted:
        return
    if service not in SERVICES or len(shas) != 1:
        raise OperatorError(
            "A deploy by CI names one service and its commit.",
            "Otherwise the head of the other repository would come along, which no run of it has tested.",
            "--service=backend --sha=… (or frontend)",
        )
    if chosen:
        raise OperatorError(
            f"CI's account has no {', '.join(chosen)}.",
            "Who answers for calls that are cut, timers that run twice, or data that an older release spoils?",
            "Leave it out; an operator can deploy with it.",
        )
    for remote in remotes:
        if remote.settings.images_from != "registry":
            raise OperatorError(
                f"{remote.name} builds its images itself (images_from).",
                "CI's account cannot send source there, nor build.",
                'images_from = "registry" in inventory.py, then converge the host; or an operator deploys.',
            )


def digests(service: str, digest: str) -> dict[str, str]:
    """Return what the image of a service has to be; nothing: as its registry says.

    Raises:
        OperatorError: it is not a digest, or whose it is is not said.
    """
    if digest and (not _DIGEST.fullmatch(digest) or not service):
        raise OperatorError(
            f"--digest={digest} is not the digest of an image of one service.",
            "A build prints it: sha256: and 64 hexadecimal digits.",
            "Name the service, too: --service=backend --digest=sha256:…",
        )
    return {service: digest} if digest else {}


def without_own_lock(remote: Remote, state: Survey) -> Survey:
    """The same where a run of CI's that has ended left its lock: the host gives that back to the next one."""
    own_lock_left = remote.restricted and state.lock_standing == "ended" and is_ours(state.lock)
    return replace(state, lock="") if own_lock_left else state
