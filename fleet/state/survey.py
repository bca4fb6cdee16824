"""How a host is, asked in one round trip."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aipbx_agent import contract
from fleet.commands import survey as commands
from fleet.state import releases

if TYPE_CHECKING:
    from fleet.remote import Remote
    from fleet.state.releases import Entry, Release


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
        lock: who has the deploy lock; empty when nobody.
        lock_seconds: for how long.
        lock_standing: what is known of the run that it was taken for: open, ended, runs, stopped
            (fleet/commands/lock.py); empty: nothing.
        maintenance: whether the maintenance page is on.
        disk_free_mib, disk_percent: of the file system that holds the application.
        memory_mib, memory_free_mib, load, processors: of the host.
        certificate_until: when the certificate ends.
        backup, verified, offsite: when the newest backup set was taken, the newest verified one, the newest with a copy
            elsewhere.
        log: of PostgreSQL: at (when it was looked at), ok, error, until (what is kept), sent (what is elsewhere).
        backup_failed: whether the last run of the backup failed.
        unfinished: the restore, undo or import that is under way, or was when it was cut off; empty: none.
        rotation: of the database's password: open while one is under way, or was when it was cut off; closed where the
            host has ended what it left open; empty: none.
        kept: the restore that keeps what was live before it; empty: none does.
        calls: live RTP flows; None when they cannot be counted.
        migrations: how many of the release's files the database has not seen, as fleet/commands/migrations.py has it.
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

    @property
    def converged(self) -> bool:
        """Whether deploys/app.py has run here."""
        return "compose.yml" in self.files

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


def parse_container(line: str) -> Container:
    """Read what docker.state printed."""
    image, status, restarts, health, started = line.strip().split("|")
    return Container(image, status, int(restarts), health, started)


def parse(output: str) -> Survey:
    """Read what the survey's command printed."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    for line in output.splitlines():
        name, _, value = line.partition("\t")
        said[name].append(value)

    def numbers(name: str) -> list[float]:
        return [float(word.rstrip("%")) for word in " ".join(said[name]).split()] or [0, 0]

    images = dict(line.partition("=")[::2] for line in said["images"] if "=" in line)
    containers = {}
    for service in commands.SERVICES:
        for line in said[service]:
            containers[service] = parse_container(line)
    # /proc/meminfo has MemTotal first.
    memory, load, disk = numbers("memory"), numbers("load"), numbers("disk")
    known = " ".join(said["lock_known"]).split()
    return Survey(
        files=frozenset(said["file"]),
        images={name.removesuffix("_IMAGE").lower(): value for name, value in images.items()},
        entries=releases.parse("\n".join(said["release"])),
        containers=containers,
        colours={name.partition("-")[0]: name for name in said["colour"]},
        lock=" ".join(said["lock"]),
        lock_seconds=int((known or ["0"])[0]),
        lock_standing="".join(known[1:]),
        maintenance=bool(said["maintenance"]),
        disk_free_mib=int(disk[0]),
        disk_percent=int(disk[1]),
        memory_mib=int(memory[0]),
        memory_free_mib=int(memory[1]),
        load=load[0],
        processors=int(load[1]),
        certificate_until=_until(said["certificate"]),
        backup=_taken(said["backup"]),
        verified=_taken(said["verified"]),
        offsite=_taken(said["offsite"]),
        log=_json(said["log"]),
        backup_failed=bool(said["backup_failed"]),
        unfinished=" ".join(said["unfinished"]),
        rotation=" ".join(said["rotation"]),
        kept=" ".join(said["kept"]),
        calls=int(said["calls"][0]) if said["calls"] else None,
        migrations=" ".join(said["migrations"]),
    )


def _until(lines: list[str]) -> datetime | None:
    # As openssl prints it: Jan  5 09:30:00 2027 GMT
    return datetime.strptime(lines[0], "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC) if lines else None


def _json(lines: list[str]) -> dict[str, Any]:
    try:
        told = json.loads("".join(lines))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _taken(names: list[str]) -> datetime | None:
    # A set is called by its moment.
    return datetime.strptime(names[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if names else None


def take(remote: Remote) -> Survey:
    """Ask a host how it is.

    Raises:
        OperatorError: it cannot be reached.
    """
    data = remote.settings
    return parse(remote.sudo_output(commands.survey(data.app_dir, data.compose_project, data.rtp_ports)))
