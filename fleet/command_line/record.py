"""What a verb changed on a host, written down there when the verb has ended. The host keeps it for every operator."""

from __future__ import annotations

import getpass
import json
import shlex
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from aipbx_agent.contract import AUDIT, FAILED, REFUSED
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from fleet.remote import Remote

SECONDS = 30
# The ledger of releases has these already.
IN_THE_LEDGER = {"deploy", "rollback", "db.rotate-password"}
RESULTS = {0: "ok", FAILED: "failed", 130: "interrupted"}


@dataclass
class Act:
    """A verb that changes hosts, while it runs.

    Args:
        verb: its name, as typed.
        hosts: those that it reached.
        begun: when, in seconds of a clock that only goes forward.
        answers: of its operator, to the questions that it asked.
    """

    verb: str
    hosts: list[Remote] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    answers: list[bool] = field(default_factory=list)


_act: Act | None = None  # one process, one verb


def begin(verb: str) -> None:
    """Begin to note which hosts a verb changes."""
    global _act  # noqa: PLW0603
    _act = Act(verb)


def reached(remote: Remote) -> None:
    """Note that the verb is about to change a host."""
    if _act:
        _act.hosts.append(remote)


def answered(agreed: bool) -> None:
    """Note what the operator answered to the verb's question."""
    if _act:
        _act.answers.append(agreed)


def end(error: BaseException | None) -> None:
    """Write down how the verb ended, on each host that it reached; a refusal has touched nothing, nor has a no.

    Args:
        error: what ended it; None: it went well.
    """
    act, code = _act, _code(error)
    if not act or act.verb in IN_THE_LEDGER or code == REFUSED or (act.answers and not any(act.answers)):
        return
    for remote in act.hosts:
        if remote.connected:
            # A line that broke, say: how the verb ended is what its operator must hear.
            with suppress(OperatorError):
                append(remote, act.verb, RESULTS.get(code, "failed"), time.monotonic() - act.begun)


def append(remote: Remote, verb: str, result: str, seconds: float = 0) -> None:
    """Write it down on a host.

    Args:
        verb: what was done.
        result: ok, failed, interrupted, or begun where no one waits for its end.
        seconds: how long it took.

    Raises:
        OperatorError: the host cannot be reached.
    """
    entry = {
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "operator": f"{getpass.getuser()}@{socket.gethostname()}",
        "address": remote.seen_from,
        "verb": verb,
        "result": result,
        "seconds": round(seconds),
    }
    path = shlex.quote(f"{remote.settings.app_dir}/{AUDIT}")
    remote.run(f"umask 077; cat >>{path}", seconds=SECONDS, stdin=f"{json.dumps(entry)}\n".encode())


def _code(error: BaseException | None) -> int:
    if error is None:
        return 0
    return int(error.code) if isinstance(error, Exit) else FAILED
