"""A stack that was installed by hand: what it consists of, and what inventory.py must say to take it over."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import POSTGRES_DATA
from fleet.commands import adoption as commands

if TYPE_CHECKING:
    from fleet.inventory.settings import Settings
    from fleet.remote import Remote

# Services of a stack installed by hand that this project runs in their place, and the order in which they start.
OURS = ("postgres", "backend", "frontend", "nginx", "certbot")
# Images of a monitoring that ours takes the place of, by the last part of their names.
MONITORING = {
    *("prometheus", "alertmanager", "grafana", "grafana-oss", "cadvisor"),
    *("node-exporter", "blackbox-exporter", "postgres-exporter", "postgres_exporter", "nginx-prometheus-exporter"),
}
# Where the application keeps what must not be lost, by our names of the volumes.
MOUNTS = {POSTGRES_DATA: "postgres_data", "/app/static": "backend_static", "/app/tts_voices": "backend_tts_voices"}


@dataclass(frozen=True)
class OldContainer:
    """A service's container of a stack that this project did not make.

    Attributes:
        project, service, image, status, identity, name: as Docker and Compose have them.
        compose_files: the files that it was made from.
        volumes: name by the path where each is mounted; those without a name (folders of the host) are left out.
    """

    project: str
    service: str
    image: str
    status: str
    identity: str
    name: str
    compose_files: tuple[str, ...]
    volumes: dict[str, str]

    @property
    def monitors(self) -> bool:
        """Whether it is of a monitoring."""
        return self.image.partition("@")[0].rpartition("/")[2].partition(":")[0] in MONITORING


# What dumps the application's database: a script of the team's, or something like it.
_DUMPS = re.compile(r"pg_dump|backup-db|/app/\S*backup")


@dataclass(frozen=True)
class CronLine:
    """A line of a cron table.

    Attributes:
        table: the file.
        line: as it is there.
    """

    table: str
    line: str

    @property
    def backs_up(self) -> bool:
        """Whether it does what our timer does."""
        return bool(_DUMPS.search(self.line))


@dataclass(frozen=True)
class HandMade:
    """What stands on a host that was installed by hand.

    Attributes:
        compose, environment, folders: its files and folders.
        cron: lines of cron tables that have to do with it.
        containers: of the stack, by service.
        adopted: what the take-over wrote down about itself; empty before it.
    """

    compose: list[str] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    cron: list[CronLine] = field(default_factory=list)
    containers: dict[str, OldContainer] = field(default_factory=dict)
    adopted: dict[str, Any] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether the next deploy takes it over: its database or its backend has a container, and no one did so yet."""
        return bool({"postgres", "backend"} & set(self.containers)) and not self.adopted

    @property
    def project(self) -> str:
        """Its Compose project; empty when there is no container."""
        return next((each.project for each in self.containers.values()), "")

    @property
    def replaced(self) -> dict[str, OldContainer]:
        """The containers in whose place ours come."""
        return {service: self.containers[service] for service in OURS if service in self.containers}

    def monitoring(self, settings: Settings) -> dict[str, OldContainer]:
        """The containers of a monitoring in whose place ours comes; none where the host is to have none of ours."""
        theirs = {
            service: container
            for service, container in self.containers.items()
            if service not in OURS and container.monitors
        }
        return theirs if settings.monitoring else {}

    def others(self, settings: Settings) -> list[str]:
        """Services of the same project that continue beside ours."""
        return sorted(set(self.containers) - set(OURS) - set(self.monitoring(settings)))

    def lines(self) -> list[str]:
        """Return what an operator should know."""
        if self.adopted:
            kept = ", ".join(self.adopted["kept"])
            return [f"taken over on {self.adopted['time'][:10]} from project {self.adopted['project']}; kept: {kept}"]
        text = [f"Compose file {path}" for path in self.compose]
        text += [f"environment {path}" for path in self.environment]
        text += [f"folder {path}" for path in self.folders]
        text += [f"cron: {each.line}  ({each.table})" for each in self.cron]
        for each in self.containers.values():
            kept = ", ".join(f"{name} at {mount}" for mount, name in each.volumes.items())
            text.append(
                f"{each.service} of project {each.project}: {each.image}, {each.status}{f', {kept}' * bool(kept)}"
            )
        return text

    def data(self, settings: Settings) -> dict[str, Any]:
        """What the host's data must say so that the same database and volumes are used on; only what they do not yet.

        Args:
            settings: the host's data as they are.
        """
        wanted: dict[str, Any] = {}
        if settings.compose_project == self.project:
            # Under one project's name Compose would delete the old containers, and the way back with them.
            wanted["compose_project"] = f"{self.project}-fleet"
        if "postgres" in self.containers and settings.postgres_image != self.containers["postgres"].image:
            wanted["postgres_image"] = self.containers["postgres"].image
        volumes = {
            MOUNTS[mount]: name
            for each in self.replaced.values()
            for mount, name in each.volumes.items()
            if mount in MOUNTS
        }
        if settings.volumes | volumes != settings.volumes:
            wanted["volumes"] = settings.volumes | volumes
        return wanted

    @property
    def database_in_a_folder(self) -> bool:
        """Whether its database is in a folder of the host or of the container, where no volume's name leads."""
        return "postgres" in self.containers and POSTGRES_DATA not in self.containers["postgres"].volumes


def read(remote: Remote) -> HandMade | None:
    """Return what stands on a host beside what this project made; None when there is nothing."""
    return parse(remote.sudo_output(commands.look(remote.settings.app_dir)))


def parse(output: str) -> HandMade | None:
    """Read what the command printed."""
    sections: dict[str, list[str]] = {}
    for line in output.splitlines():
        name, _, value = line.partition("\t")
        sections.setdefault(name, []).append(value)
    containers = _the_stack([_container(line) for line in sections.get("container", [])])
    adopted = json.loads(sections["adopted"][0]) if sections.get("adopted") else {}
    if not sections.get("compose") and not containers and not adopted:
        return None
    return HandMade(
        sections.get("compose", []),
        sections.get("environment", []),
        sections.get("folder", []),
        [CronLine(*line.partition("\t")[::2]) for line in sections.get("cron", [])],
        containers,
        adopted,
    )


def _container(line: str) -> OldContainer:
    project, service, image, status, identity, name, files, mounts = line.split("|")
    parts = [word.split(":", 2) for word in mounts.split()]
    volumes = {part[2]: part[1] for part in parts if len(part) == 3 and part[1]}
    return OldContainer(
        project, service, image, status, identity, name.removeprefix("/"), tuple(files.split(",")), volumes
    )


def _the_stack(containers: list[OldContainer]) -> dict[str, OldContainer]:
    """The containers of the one project that is aiPBX: a server may have other stacks, also with a PostgreSQL."""
    projects: dict[str, dict[str, OldContainer]] = {}
    for each in containers:
        projects.setdefault(each.project, {}).setdefault(each.service, each)
    likely = [stack for stack in projects.values() if {"backend", "postgres"} & set(stack)]
    return max(likely, key=lambda stack: ("backend" in stack, len(set(OURS) & set(stack))), default={})
