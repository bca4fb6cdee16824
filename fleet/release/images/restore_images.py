"""A rollback to a release whose images are gone from the host: where they can come from, shown before the question."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleet.commands import docker
from fleet.errors import OperatorError
from fleet.output import step
from fleet.release import plan
from fleet.release.images import offers

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Release
    from fleet.git.repository import Repository
    from fleet.release.images.offers import Offer
    from fleet.remote import Remote


@dataclass(frozen=True)
class Coming:
    """What must come before a host can go back; nothing when all is there.

    Attributes:
        repositories: of the services whose images must come.
        digests: by service, what is pulled.
        lines: for the operator, one on each.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def needed(remote: Remote, release: Release, repositories: dict[str, Repository]) -> Coming:
    """What must come before a host can go back to a release; no network is asked when all is there.

    Args:
        release: where it goes back to.
        repositories: the application's, by service.

    Raises:
        OperatorError: an image cannot be had any more; nothing was touched.
    """
    if remote.settings.images_from == "build":
        return _built(remote, release, repositories)
    gone = [one for one in offers.of(remote, release) if not one.here]
    for one in gone:
        _refuse_not_in_registry(remote, one)
    lines = [
        f"  The {one.service}'s image is gone from {remote.name}: {one.image} is pulled from its registry, as "
        f"{one.digest}."
        for one in gone
    ]
    return Coming(
        {one.service: repositories[one.service] for one in gone}, {one.service: one.digest for one in gone}, lines
    )


def _built(remote: Remote, release: Release, repositories: dict[str, Repository]) -> Coming:
    images = plan.images(remote.settings, release)
    absent = remote.sudo_output(docker.absent(list(images.values()))).split()
    gone = {name: image for name, image in images.items() if image in absent}
    with step("find commits whose images are missing on the host"):
        for name in gone:
            _refuse_unknown_commit(remote, repositories[name], release.sha(name))
    lines = [
        f"  The {name}'s image is gone from {remote.name}: {image} is rebuilt there from its commit."
        for name, image in gone.items()
    ]
    return Coming({name: repositories[name] for name in gone}, {}, lines)


def _refuse_unknown_commit(remote: Remote, repository: Repository, sha: str) -> None:
    repository.refresh()
    if repository.find(sha) is None:
        raise OperatorError(
            f"{remote.name} no longer has the {repository.service}'s image of {sha[:12]}, and it cannot be built.",
            f"{repository.url} no longer has this commit.",
            _another(remote),
        )


def _refuse_not_in_registry(remote: Remote, offer: Offer) -> None:
    try:
        offers.refuse_not_offered(remote.name, offer)
    except OperatorError as problem:
        raise OperatorError(
            f"{remote.name} no longer has the {offer.service}'s image {offer.image}, and cannot pull it.",
            problem.why,
            f"{problem.do} {_another(remote)}",
        ) from None


def _another(remote: Remote) -> str:
    return f"Or go back to a release whose images are there: inv releases --host={remote.name} shows them."
