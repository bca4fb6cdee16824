"""How the runs of a verb end, written down and notified: a failure that no one hears of is the worst of a backup's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aipbx_agent.backup import sets
from aipbx_agent.core import events, files, metrics, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Interrupted, Refused
from aipbx_agent.report import notify


def path(config: Config, verb: str) -> Path:
    """Return where the last run of a verb is written down: at, running, ok, error, seconds, invocation."""
    return config.backups / f"{verb}-state.json"


def state(config: Config, verb: str) -> dict[str, Any]:
    """Return the last run of a verb; empty before the first."""
    return files.read_json(path(config, verb))


class Run:
    """A run of a verb.

    Args:
        verb: what is done.
    """

    def __init__(self, config: Config, verb: str) -> None:
        self.config, self.verb = config, verb
        self.earlier: dict[str, Any] | None = None

    def begun(self) -> None:
        """Write down that it begins; tell of an earlier one that never ended: its host went down with it."""
        self.earlier = state(self.config, self.verb)
        if self.earlier.get("running"):
            started = self.earlier.get("at")
            _failed(
                self.config,
                self.verb,
                Failed(
                    f"The run of {started} never ended.",
                    "The host went down, or everything of that run was killed.",
                    f"Look: journalctl --since '{started}'",
                ),
            )
        write(self.config, self.verb, running=True, ok=False, error="")

    def never_was(self) -> None:
        """Write down the earlier run again."""
        if self.earlier is not None:
            write(self.config, self.verb, **{**self.earlier, "running": False})


@contextmanager
def recorded(config: Config, verb: str, *, attended: bool) -> Iterator[Run]:
    """Write down and tell how the run within ends.

    Args:
        verb: what is done.
        attended: whether someone sees its output: then a refusal is no news.
    """
    since, run = time.monotonic(), Run(config, verb)
    try:
        yield run
    except (AgentError, Interrupted, OSError) as problem:
        if attended and isinstance(problem, Refused):
            run.never_was()
        else:
            _failed(config, verb, problem, time.monotonic() - since)
        raise
    write(config, verb, running=False, ok=True, error="", seconds=round(time.monotonic() - since, 1))
    measure(config)


def after(config: Config, verb: str) -> None:
    """Notify of a run that could not do so itself: it was killed, ran out of time or memory, or never began.

    Called when its unit has ended; systemd says how, in the environment.
    """
    result, known = os.environ.get("SERVICE_RESULT", "success"), state(config, verb)
    how = " ".join(os.environ.get(name, "") for name in ("EXIT_CODE", "EXIT_STATUS"))
    ended_itself = known.get("invocation") == _invocation() and not known.get("running")
    if result == "success" or ended_itself or how == f"exited {Refused.code}":
        return
    _failed(
        config,
        verb,
        Failed(
            f"The {verb} was stopped from outside, or did not begin.",
            f"systemd says: {result} ({how}).",
            f"journalctl -u 'aipbx-*{verb}*'; then run it again.",
        ),
    )


def measure(config: Config) -> None:
    """Write the metrics of the sets; anyone who changes that calls it."""
    _quietly("The figures", lambda: metrics.write("backup", figures(config)))


def figures(config: Config) -> list[str]:
    """Return the metrics of the sets on this host, and of the last run."""
    last = state(config, "backup")
    manifests = sets.readable(config.backups)
    newest = manifests[-1][1] if manifests else None
    verified = [sets.moment_of(name) for name, _ in manifests if sets.verified(config.backups, name)]
    begin = "aipbx_backup_"
    return metrics.gauges(
        {
            f"{begin}last_success_timestamp_seconds": (
                "When the newest set was taken; 0: there is none.",
                sets.moment_of(newest.name).timestamp() if newest else 0,
            ),
            f"{begin}last_run_ok": ("Whether the last run went well.", int(last.get("ok") is True)),
            f"{begin}seconds": ("How long the newest set took.", newest.seconds if newest else 0),
            f"{begin}bytes": ("Size of the newest set.", newest.bytes if newest else 0),
            f"{begin}sets": ("How many sets are on this host.", len(manifests)),
            f"{begin}verified_timestamp_seconds": (
                "When the newest set that was restored and found equal was taken; 0: there is none.",
                max(verified).timestamp() if verified else 0,
            ),
        }
    )


def _failed(config: Config, verb: str, problem: BaseException, seconds: float = 0) -> None:
    write(config, verb, running=False, ok=False, error=str(problem), seconds=round(seconds, 1))
    measure(config)
    notify.send(config, f"{config.host}: {verb} failed", f"{getattr(problem, 'about', '')}{problem}")


def write(config: Config, verb: str, **values: Any) -> None:
    """Write down how a run of a verb is: running, ok, error and whatever else."""
    content = {"at": times.now(), "invocation": _invocation(), **values}
    _quietly("How the run ended", lambda: files.write_json(path(config, verb), content))


def _invocation() -> str:
    # systemd's id of one activation of a unit, the same for what runs in it and after it.
    return os.environ.get("INVOCATION_ID", "")


def _quietly(what: str, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as problem:
        # A full disk, say. It must not stop the notification.
        events.note(f"{what} could not be written down: {problem}")
