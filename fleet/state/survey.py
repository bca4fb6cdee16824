"""How a host is, asked in one round trip (aipbx_agent/status/state.py)."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aipbx_agent import contract
from aipbx_agent.release import releases
from fleet import agent
from fleet.state.preflight import Preflight

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Entry, Release
    from fleet.remote import Remote

# PBXs that do not answer are waited for, up to a minute for each 16 of them.
RELEASE_SECONDS = 300


@dataclass(frozen=True)
class Container:
    """A service's container: its image, status (running, exited, …), restarts, health, start (ISO 8601)."""

    image: str
    status: str
    restarts: int
    health: str
    started: str

    @property
    def good(self) -> bool:
        """Whether it runs and its health check says so."""
        return self.status == "running" and self.health in {"healthy", ""}

    def __str__(self) -> str:
        return self.health or self.status if self.status == "running" else self.status


@dataclass(frozen=True)
class Survey:
    """A host as it was found.

    Attributes:
        files: which of compose.yml, environment.json, images.env are there.
        images: full reference by service, as images.env says.
        entries: the ledger.
        containers: by service; those that do not exist are left out.
        colours: what Compose calls the colour that serves, by service; the service itself where there is none.
        lock: who has the deploy lock; empty when no one.
        lock_seconds: for how long.
        lock_standing: what is known of the run that it was taken for: open, ended, runs, stopped, by hand
            (aipbx_agent/release/lock/deploy_lock.py); empty: nothing.
        maintenance: whether the maintenance page is on.
        disk_free_mib, disk_percent: of the file system that holds the application.
        memory_mib, memory_free_mib, load, processors: of the host.
        certificate_until: when the certificate ends.
        backup, verified, offsite: when the newest backup set was taken, the newest verified one, the newest with a copy
            elsewhere.
        log: of PostgreSQL: at (when it was checked), ok, error, until (what is kept), sent (what is elsewhere).
        backup_failed: whether the last run of the backup failed.
        unfinished: the restore, undo or import that is under way, or was when it was cut off; empty: none.
        rotation: of the database's password: open while one is under way, or was when it was cut off; closed where the
            host has ended what it left open; empty: none.
        kept: the restore that keeps what was live before it; empty: none does.
        calls: live RTP flows; None when they cannot be counted.
        migrations: how many of the release's files the database has not seen, or FIRST_START, or UNKNOWN.
        alerts: what fires: names by severity (page, ticket), works (whether monitoring does), why (it does not); None:
            the host has no monitoring.
        torn: images that were on their way when the host went down: their files may be empty.
        preflight: what a release would meet; nothing where it was not asked for.
    """

    files: frozenset[str]
    images: dict[str, str]
    entries: list[Entry]
    containers: dict[str, Container]
    colours: dict[str, str]
    lock: str
    lock_seconds: int
    lock_standing: str
    maintenance: bool
    disk_free_mib: int
    disk_percent: int
    memory_mib: int
    memory_free_mib: int
    load: float
    processors: int
    certificate_until: datetime | None
    backup: datetime | None
    verified: datetime | None
    offsite: datetime | None
    log: dict[str, Any]
    backup_failed: bool
    unfinished: str
    rotation: str
    kept: str
    calls: int | None
    migrations: str
    alerts: dict[str, Any] | None = None
    torn: tuple[str, ...] = ()
    preflight: Preflight = field(default_factory=lambda: Preflight("", {}))

    @property
    def converged(self) -> bool:
        """Whether deploys/app.py has run here."""
        return contract.COMPOSE_FILE in self.files

    @property
    def current(self) -> Entry | None:
        """The release that runs, by the ledger."""
        return releases.current(self.entries)

    @property
    def running(self) -> Release | None:
        """The release that runs, by images.env: what a deploy goes back to."""
        if not self.images.keys() >= set(contract.SERVICES):
            return None
        return releases.Release(*(self.images[service].rpartition(":")[2] for service in contract.SERVICES))


def parse(state: dict[str, Any], host: str = "") -> Survey:
    """Read what the agent reported; nothing of a host that has none yet."""
    lock = state.get("lock") or {"owner": "", "seconds": 0, "standing": ""}
    return Survey(
        files=frozenset(state.get("files", [])),
        images=state.get("images", {}),
        entries=releases.of(state.get("ledger", [])),
        containers={service: Container(**each) for service, each in state.get("containers", {}).items()},
        colours=state.get("colours", {}),
        lock=lock["owner"],
        lock_seconds=lock["seconds"],
        lock_standing=lock["standing"],
        maintenance=state.get("maintenance", False),
        disk_free_mib=state.get("disk_free_mib", 0),
        disk_percent=state.get("disk_percent", 0),
        memory_mib=state.get("memory_mib", 0),
        memory_free_mib=state.get("memory_free_mib", 0),
        load=state.get("load", 0),
        processors=state.get("processors", 0),
        certificate_until=_moment(state.get("certificate_until")),
        backup=_moment(state.get("backup")),
        verified=_moment(state.get("verified")),
        offsite=_moment(state.get("offsite")),
        log=state.get("wal", {}),
        backup_failed=state.get("backup_failed", False),
        unfinished=state.get("unfinished", ""),
        rotation=state.get("rotation", ""),
        kept=state.get("kept", ""),
        calls=state.get("calls"),
        migrations=state.get("migrations", ""),
        alerts=state.get("alerts"),
        torn=tuple(state.get("torn", ())),
        preflight=Preflight(host, state.get("release", {})),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def take(remote: Remote, drain_seconds: int | None = None) -> Survey:
    """Ask a host how it is.

    Args:
        drain_seconds: also what a release would meet whose calls may continue for so long; None: it is not asked.

    Raises:
        OperatorError: it cannot be reached, or its agent is another version's.
    """
    verb, stdin, seconds = ["state"], b"", agent.QUICK_SECONDS
    if drain_seconds is not None:
        settings = remote.settings.model_dump(mode="json", include=agent.GOES_BY)
        request = {"settings": settings, "drain_seconds": drain_seconds, "confidential": True}
        stdin = json.dumps(request).encode()
        verb, seconds = [*verb, "--release"], RELEASE_SECONDS
    try:
        return parse(agent.query(remote, verb, stdin, seconds=seconds), remote.name)
    except agent.MissingError:
        # Where a release of ours ever ran, an agent that is missing is a fault, and not a fresh host.
        if remote.run(f"[ -e {shlex.quote(f'{remote.settings.app_dir}/{contract.LEDGER}')} ]").code == 0:
            raise
        return parse({})
