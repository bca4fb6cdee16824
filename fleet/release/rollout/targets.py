"""What a deploy would be about, without a host being asked: for CI, whose jobs follow from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from fleet.output import say
from fleet.release.images import build_arguments

if TYPE_CHECKING:
    from fleet.git.repository import Repository
    from fleet.inventory.settings import Settings
    from fleet.remote import Remote


@dataclass(frozen=True)
class Build:
    """An image that CI builds of a commit.

    Attributes:
        image: its repository in the registry.
        arguments: for its Dockerfile, beside RELEASE.
        hosts: those that run it.
    """

    image: str
    arguments: dict[str, str]
    hosts: list[str]


@dataclass(frozen=True)
class Targets:
    """Which hosts get which commits.

    Attributes:
        canary: the host that comes first; empty: no host is meant.
        rest: the others, in the inventory's order.
        shas: the whole SHA by service.
        environments: what GitHub calls each host, by name: there its secrets are.
        builds: of the one service that is meant: its images, and whose they are; none: several services are.
        quality_image, quality: of that service: where and by which commands CI tests it.
    """

    canary: str
    rest: list[str]
    shas: dict[str, str]
    environments: dict[str, str]
    builds: list[Build] = field(default_factory=list)
    quality_image: str = ""
    quality: str = ""


def of(hosts: list[Remote], repositories: list[Repository], shas: dict[str, str]) -> Targets:
    """Return what a deploy would be about.

    Args:
        hosts: those that are meant, in the inventory's order.
        repositories: of the services that are meant, refreshed.
        shas: the commit of each service that was named; the head of the branch of the others, unless one is named.
    """
    wanted = shas or {repository.service: repository.head() for repository in repositories}
    first = first_of(hosts)
    names = {host.name: environment(host) for host in hosts}
    targets = Targets(first.name if first else "", [host.name for host in hosts if host is not first], wanted, names)
    return _of_service(targets, first.settings, next(iter(wanted)), hosts) if first and len(wanted) == 1 else targets


def environment(host: Remote) -> str:
    """Return what GitHub calls a host."""
    kind = "staging" if host.settings.staging else "production"
    return host.settings.github_environment or f"{host.name.replace('.', '')}_{kind}"


def _of_service(found: Targets, data: Settings, service: str, hosts: list[Remote]) -> Targets:
    commands = "\n".join(data.quality_commands[service])
    return replace(found, builds=builds(service, hosts), quality_image=data.quality_image, quality=commands)


def builds(service: str, hosts: list[Remote]) -> list[Build]:
    """Return the images of a service that CI builds: one for all hosts whose build arguments are the same.

    Raises:
        OperatorError: the Dockerfile would drop one of them.
    """
    made: dict[str, Build] = {}
    for host in hosts:
        build_arguments.refuse_lost_by_ci(host, service)
        image = host.settings.repositories[service]
        arguments = host.settings.build_arguments.get(service, {})
        made.setdefault(image, Build(image, arguments, [])).hosts.append(host.name)
    return list(made.values())


def first_of(hosts: list[Remote]) -> Remote | None:
    """Return the host whose data say that it is the canary, else the first; None: there is none."""
    return next((host for host in hosts if host.settings.canary), hosts[0] if hosts else None)


def show(targets: Targets, *, as_json: bool) -> None:
    """Print it; as JSON in one line, as GitHub's job outputs want it."""
    if as_json:
        print(json.dumps(asdict(targets)))
        return
    if not targets.canary:
        say("No host is meant: nothing to do.")
        return
    commits = ", ".join(f"{service} {sha[:12]}" for service, sha in targets.shas.items())
    say(f"{commits}: first {targets.canary}, then {', '.join(targets.rest) or 'no other host'}")
