"""`inv silence`: alerts that notify no one for a while."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fleet import agent
from fleet.errors import OperatorError
from fleet.output import say
from fleet.release.lock.deploy_lock import operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.remote import Remote

_AGE = re.compile(r"(\d{1,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}
# What is silenced for longer is forgotten: change the rule instead.
MOST_SECONDS = 7 * 86400
_NAME = re.compile(r"[A-Za-z]+")


def begin(hosts: Sequence[Remote], length: str, reason: str, alert: str) -> None:
    """Silence alerts of hosts.

    Args:
        length: for how long, as `2h`.
        reason: why; every operator sees it.
        alert: only this one; empty: every one.

    Raises:
        OperatorError: one of these cannot be used, or a host has no monitoring.
    """
    how_long = seconds(length)
    if not reason.strip():
        raise OperatorError(
            "No reason is given.", "Others must know why a host is silent.", 'Add --reason="the disk is being replaced"'
        )
    if alert and not _NAME.fullmatch(alert):
        raise OperatorError(f"{alert!r} is not the name of an alert.", "Names are letters.", "inv alerts shows them.")
    request = {"seconds": how_long, "reason": reason, "operator": operator(), "alert": alert}
    for host in hosts:
        until = agent.query(host, ["silence"], json.dumps(request).encode())["until"]
        say(f"{host.name}: {alert or 'every alert'} is silent until {until}. inv silence --lift ends it.", "green")


def lift(hosts: Sequence[Remote]) -> None:
    """End what operators silenced on hosts."""
    for host in hosts:
        lifted = agent.query(host, ["silence", "--lift"])["lifted"]
        say(f"{host.name}: {lifted} silences ended." if lifted else f"{host.name}: nothing was silenced.")


def seconds(length: str) -> int:
    """Return the seconds of `30m`, `2h` or `1d`.

    Raises:
        OperatorError: it is none of these, or more than a week.
    """
    matched = _AGE.fullmatch(length)
    duration = int(matched[1]) * _SECONDS[matched[2]] if matched else 0
    if not 0 < duration <= MOST_SECONDS:
        raise OperatorError(
            f"{length!r} is not a valid time.", "It is a number of m, h or d, a week at most.", "As --for=2h"
        )
    return duration
