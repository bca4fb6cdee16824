"""What is not well on a host, and what to do about it: the one judgement behind `inv status` and `inv doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aipbx_agent import contract
from aipbx_agent.core import times
from fleet.release.lock import lock_status

if TYPE_CHECKING:
    from fleet.state.survey import Survey

# Beyond these a value is not well.
CERTIFICATE_DAYS = 14
DISK_PERCENT = 85
BACKUP_HOURS = 26
VERIFIED_HOURS = 8 * 24
# Seconds after which a host has certainly checked its database's WAL again.
WAL_SECONDS = 300


@dataclass(frozen=True)
class Trouble:
    """Something that is not well.

    Attributes:
        topic: what it concerns, in a word.
        what: how it is.
        do: the command that shows or cures it.
        now: whether users or releases feel it now; otherwise a backup is missing that may be needed one day.
    """

    topic: str
    what: str
    do: str
    now: bool = True


def of(host: str, state: Survey) -> list[Trouble]:
    """Return what is not well on a host, the worst first; nothing of one that was never converged or deployed to."""
    if not state.converged:
        return []
    option = f"--host={host}"
    return [
        *_serving(state, option),
        *_machine(state, option),
        *_unfinished(state, option),
        *_data(state, option),
        *_alerts(state, option),
    ]


def _serving(state: Survey, option: str) -> Iterator[Trouble]:
    for name, container in state.containers.items():
        if not container.good:
            yield Trouble(
                "services", f"{name} is {container}", f"inv logs {name} {option}; inv restart {name} {option}"
            )
    if state.running and not state.containers:
        yield Trouble("services", "none runs", f"inv start {option}")
    if state.maintenance:
        yield Trouble("maintenance", "the maintenance page is on", f"inv maintenance off {option}")
    if not state.running:
        return
    days = (state.certificate_until - datetime.now(UTC)).days if state.certificate_until else None
    if days is None or days < CERTIFICATE_DAYS:
        validity = "there is none" if days is None else f"{days} days left"
        yield Trouble("certificate", validity, f"inv tls.status {option}")
    if state.migrations == contract.FIRST_START:
        yield Trouble("migrations", "the first start was interrupted", f"inv deploy {option}")
    elif state.migrations not in {"", "0", contract.UNKNOWN}:
        yield Trouble("migrations", f"{state.migrations} not applied", f"inv migrate {option}")


def _machine(state: Survey, option: str) -> Iterator[Trouble]:
    if state.disk_percent > DISK_PERCENT:
        yield Trouble("disk", f"{state.disk_percent} % full", f"inv prune {option}")
    for image in state.torn:
        what = f"the host went down during the download of {image}; its files may be empty"
        yield Trouble("images", what, f"inv deploy {option} downloads it again", now=False)


def _alerts(state: Survey, option: str) -> Iterator[Trouble]:
    if not state.alerts:
        return
    if not state.alerts["works"]:
        yield Trouble("monitoring", f"it does not work: {state.alerts['why']}", f"inv alerts {option}", now=False)
    for severity in ("page", "ticket"):
        if names := state.alerts[severity]:
            yield Trouble("alerts", f"{', '.join(names)}", f"inv alerts {option}", now=severity == "page")


def _unfinished(state: Survey, option: str) -> Iterator[Trouble]:
    if state.lock_standing in lock_status.ALIVE:
        return
    if state.unfinished:
        yield Trouble(
            "restore", f"unfinished: {state.unfinished}", f"inv deploy {option} or inv unlock {option} ends it"
        )
    if state.rotation:
        yield Trouble("password", "its rotation is unfinished", f"inv db.rotate-password {option} ends it")
    if state.lock:
        yield Trouble("lock", f"locked: {state.lock}", f"inv unlock {option}")


def _data(state: Survey, option: str) -> Iterator[Trouble]:
    if not state.running:
        return
    backup, verified, offsite = (_hours(each) for each in (state.backup, state.verified, state.offsite))
    if state.backup_failed:
        yield Trouble("backup", "the last run failed", f"inv backups {option}", now=False)
    elif backup is None or backup > BACKUP_HOURS:
        old = "there is none" if backup is None else f"the last is {backup:.0f} h old"
        yield Trouble("backup", old, f"inv backup {option}", now=False)
    if verified is not None and verified > VERIFIED_HOURS:
        yield Trouble("backup", f"none was verified for {verified / 24:.0f} days", f"inv verify {option}", now=False)
    if offsite is not None and offsite > BACKUP_HOURS:
        yield Trouble("off-site", f"the last copy is {offsite:.0f} h old", f"inv backups {option}", now=False)
    if behind := wal_behind(state.log):
        yield Trouble("WAL", behind, f"inv backups {option}", now=False)


def wal_behind(wal: dict[str, object]) -> str:
    """Return why WAL does not leave the database as it should; empty: it does, or the host keeps none."""
    if not wal:
        return ""
    checked_at = times.read(str(wal["at"]))
    if (datetime.now(UTC) - checked_at).total_seconds() > WAL_SECONDS:
        return f"not collected since {wal['at']}"
    return "" if wal["ok"] else f"BEHIND: {str(wal['error']).splitlines()[0] if wal['error'] else 'unknown'}"


def _hours(then: datetime | None) -> float | None:
    return (datetime.now(UTC) - then).total_seconds() / 3600 if then else None
