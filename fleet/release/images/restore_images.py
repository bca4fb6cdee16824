"""A rollback to a release whose images are gone from the host: where they can come from, shown before the question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.commands import docker
from fleet.errors import OperatorError
from fleet.output import step
from fleet.release import plan

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Release
    from fleet.git.repository import Repository
    from fleet.remote import Remote


def needed(
    remote: Remote, release: Release, repositories: dict[str, Repository]
) -> tuple[dict[str, Repository], list[str]]:
    """What must come before a host can go back to a release; nothing, and no network is asked, when all is there.

    Args:
        release: where it goes back to.
        repositories: the application's, by service.

    Returns: the repositories of the services whose images must come, and a line on each for the operator.

    Raises:
        OperatorError: an image cannot be had any more; nothing was touched.
    """
    images = plan.images(remote.settings, release)
    absent = remote.sudo_output(docker.absent(list(images.values()))).split()
    missing = {name: image for name, image in images.items() if image in absent}
    if not missing:
        return {}, []
    builds = remote.settings.images_from == "build"
    with step("find images that are missing on the host"):
        for name, image in missing.items():
            if builds:
                _refuse_unknown_commit(remote, repositories[name], release.sha(name))
            else:
                _refuse_not_in_registry(remote, name, image)
    how = "is rebuilt there from its commit" if builds else "is pulled from its registry"
    lines = [f"  The {name}'s image is gone from {remote.name}: {image} {how}." for name, image in missing.items()]
    return {name: repositories[name] for name in missing}, lines


def _refuse_unknown_commit(remote: Remote, repository: Repository, sha: str) -> None:
    repository.refresh()
    if repository.find(sha) is None:
        raise OperatorError(
            f"{remote.name} no longer has the {repository.service}'s image of {sha[:12]}, and it cannot be built.",
            f"{repository.url} no longer has this commit.",
            _another(remote),
        )


def _refuse_not_in_registry(remote: Remote, service: str, image: str) -> None:
    result = remote.run(docker.offered(image))
    if result.code == 0:
        return
    unknown = "no such manifest" in result.last_words or "manifest unknown" in result.last_words
    raise OperatorError(
        f"{remote.name} no longer has the {service}'s image {image}, and cannot pull it.",
        result.last_words,
        f"{_another(remote)} Or have CI build and push that commit again."
        if unknown
        else f"Is the registry up, and may this host read it (`docker login` there)? {_another(remote)}",
    )


def _another(remote: Remote) -> str:
    return f"Go back to a release whose images are there: inv releases --host={remote.name} shows them."
