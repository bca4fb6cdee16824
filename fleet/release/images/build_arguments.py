"""What a build on the host or by CI is given beside the source, and whether its Dockerfile takes all of it.

Docker drops an argument that the Dockerfile does not name, with a warning in the log of the build: what an operator set
would be lost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleet.checkout import ROOT
from fleet.env.dotenv import files
from fleet.env.host import build_values, rendering
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Release
    from fleet.git.repository import Repository
    from fleet.remote import Remote

_ARG = re.compile(r"^[ \t]*ARG[ \t]+(.+)$", re.MULTILINE | re.IGNORECASE)
# Taken by every build, named or not.
_PREDEFINED = re.compile(r"(HTTP|HTTPS|FTP|NO|ALL)_PROXY|BUILDKIT_.*|SOURCE_DATE_EPOCH")
_OTHER_NAMES = {"STRIPE_KEY": "STRIPE_PUBLISHABLE_KEY"}


def arguments(remote: Remote, service: str, sha: str) -> dict[str, str]:
    """All arguments of a build."""
    ours = {"RELEASE": sha} | ({"SITE_URL": f"https://{remote.name}"} if service == "frontend" else {})
    return ours | _of_operator(remote, service)


def refuse_lost(remote: Remote, release: Release, repositories: dict[str, Repository]) -> None:
    """Refuse a build that would drop what the operator set.

    Args:
        release: what is to run.
        repositories: those whose image may be built, by service.

    Raises:
        OperatorError: the Dockerfile does not name an argument; nothing was touched.
    """
    if remote.settings.images_from != "build":
        return
    for service, repository in repositories.items():
        sha = release.sha(service)
        wanted = {name for name, value in _of_operator(remote, service).items() if value}
        lost = sorted(name for name in wanted - _taken(remote, repository, sha) if not _PREDEFINED.fullmatch(name))
        if lost:
            raise _lost(remote, service, lost, f"by FRONTEND_{lost[0]} in the env file, or ")


def refuse_lost_by_ci(remote: Remote, service: str) -> None:
    """The same of a build by CI, whose Dockerfile is the fleet's and whose arguments are the inventory's.

    Raises:
        OperatorError: the Dockerfile does not name an argument.
    """
    asked = {name for name, value in remote.settings.build_arguments.get(service, {}).items() if value}
    declared = _declared((ROOT / "files" / "images" / service / "Dockerfile").read_text("utf-8"))
    if lost := sorted(name for name in asked - declared if not _PREDEFINED.fullmatch(name)):
        raise _lost(remote, service, lost, "")


def _lost(remote: Remote, service: str, lost: list[str], otherwise: str) -> OperatorError:
    return OperatorError(
        f"{remote.name}: the build of the {service} would drop {', '.join(lost)}.",
        "Its Dockerfile has no ARG of that name, so the value would have no effect "
        f"(set {otherwise}by build_arguments in the inventory).",
        "Correct the name or remove it, or have the Dockerfile declare it: ARG " + lost[0],
    )


def ignored(remote: Remote) -> list[str]:
    """Return what the env file says to builds of a host that pulls its images instead; CI does not see that file.

    An env file that cannot be read holds up no deploy that does not need it.
    """
    if remote.settings.images_from == "build":
        return []
    try:
        named = build_values.without_effect(_env_file(remote), remote.settings.images_from)
    except OperatorError:
        named = []
    return named


def _env_file(remote: Remote) -> dict[str, str]:
    """Return what this machine's env file says; nothing where there is none."""
    exists = any(path.exists() for path in files.paths(remote.name))
    return files.load(remote.name).values() if exists else {}


def _of_operator(remote: Remote, service: str) -> dict[str, str]:
    """What the env file says to the build (FRONTEND_SITE_URL becomes SITE_URL, and so on), then the inventory."""
    values = rendering.frontend_build(_env_file(remote)) if service == "frontend" else {}
    named = {name.removeprefix("FRONTEND_"): value for name, value in values.items()}
    public = {_OTHER_NAMES.get(name, name): value for name, value in named.items()}
    return public | remote.settings.build_arguments.get(service, {})


def _taken(remote: Remote, repository: Repository, sha: str) -> set[str]:
    if remote.settings.dockerfiles == "repository":
        text = repository.file(sha, "Dockerfile")
    else:
        text = (ROOT / "files" / "images" / repository.service / "Dockerfile").read_text("utf-8")
    return _declared(text)


def _declared(dockerfile: str) -> set[str]:
    return {word.partition("=")[0] for line in _ARG.findall(dockerfile) for word in line.split()}
