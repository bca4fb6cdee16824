"""Puts your own commits of the application in the stand-in's place: in the world's GitHub, its registry, on a host."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.inventory import settings
from lab import lifecycle, typed
from lab.access.guard import require_lab_addresses
from lab.app import history
from lab.app.commits import BRANCH
from lab.ci import pipeline
from lab.ci.build import ARGUMENTS
from lab.errors import LabError, LabRefusedError
from lab.images.mirror import machine_mirror
from lab.images.recipes import Images
from lab.machines.workshop import Workshop
from lab.progress import Steps
from lab.running import required
from lab.world.repositories import ensure_repositories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleet.inventory import hosts as inventory
    from lab.topology import Lab

# The repository's name on GitHub by the service that is built from it.
GITHUB = {service: name for name, (service, _) in pipeline.IMAGES.items()}
# What the Dockerfiles of files/images copy before they install packages.
NEEDED = ("package.json", "package-lock.json")
_FILE = "file://"
_TIMEOUT = 300


@dataclass(frozen=True)
class Source:
    """A commit in a git repository on this machine.

    Args:
        service: ``backend`` or ``frontend``.
    """

    service: str
    repository: Path
    sha: str


def read(service: str, given: str) -> Source:
    """Return the commit that an operator means.

    Args:
        service: ``backend`` or ``frontend``.
        given: A path or ``file://`` URL of a repository; ``#`` and a branch, tag or SHA may follow. Without it the
            commit that is checked out.

    Raises:
        LabError: There is no such repository or commit, or no image can be built of it.
    """
    location, _, revision = given.partition("#")
    repository = Path(location.removeprefix(_FILE)).expanduser()
    _refuse_no_repository(service, location, repository)
    found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision or 'HEAD'}^{{commit}}")
    if found.returncode != 0:
        raise LabRefusedError(
            f"{repository} has no commit {revision!r}" if revision else f"{repository} has no commit yet",
            "it is not the name of a branch, a tag or a SHA there" if revision else "nothing can be built of it",
            f"name one that `git -C {repository} log --oneline --all` shows",
        )
    source = Source(service, repository.resolve(), found.stdout.strip())
    _refuse_not_the_application(source)
    return source


def _refuse_no_repository(service: str, location: str, repository: Path) -> None:
    example = f"give the path of a clone: --{service}=../{GITHUB[service].rpartition('/')[2]}"
    if not location:
        raise LabRefusedError(f"--{service} is empty", "it is the path of a git repository on this machine", example)
    if not repository.is_dir():
        why = "only repositories on this machine are taken" if ":" in location else "there is no such folder"
        raise LabRefusedError(f"{location} is not a git repository on this machine", why, example)
    # Git also answers from a folder inside another repository, such as this checkout.
    found = _git(repository, "rev-parse", "--is-shallow-repository", "--show-prefix")
    if found.returncode != 0 or found.stdout.split("\n")[1]:
        why = _last(found.stderr) if found.returncode != 0 else "it is a folder inside another repository"
        raise LabRefusedError(f"{location} is not a git repository", why, example)
    if found.stdout.startswith("true"):
        todo = f"git -C {location} fetch --unshallow"
        raise LabRefusedError(
            f"{location} has only a part of its history", "a deploy reads the commits before it", todo
        )


def _refuse_not_the_application(source: Source) -> None:
    there = _git(source.repository, "ls-tree", "--name-only", source.sha, *NEEDED).stdout.split()
    if missing := [name for name in NEEDED if name not in there]:
        raise LabRefusedError(
            f"no {source.service} can be built of {source.sha[:12]} in {source.repository}",
            f"this commit has no {', '.join(missing)}, which files/images/{source.service}/Dockerfile needs",
            "name a commit that has it; what is not committed is not taken",
        )


def copy(source: Source, folder: Path) -> Path:
    """Make a bare repository whose only branch is the one that is deployed, with a source's commit as its head.

    Args:
        folder: Where it goes, in place of an earlier one.

    Raises:
        LabError: The source lacks files or commits of its history.
    """
    repository = folder / f"{GITHUB[source.service]}.git"
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    reference = f"+{source.sha}:refs/heads/{BRANCH}"
    for arguments in (
        ("init", "--quiet", "--bare", "--template=", f"--initial-branch={BRANCH}"),
        ("fetch", "--quiet", "--no-tags", str(source.repository), reference),
    ):
        done = _git(repository, *arguments)
        if done.returncode != 0:
            raise LabError(
                f"{source.sha[:12]} of the {source.service} cannot be copied from {source.repository}",
                _last(done.stderr),
                f"git -C {source.repository} fsck --connectivity-only says what is missing there",
            )
    return repository


def deploy(lab: Lab, given: Mapping[str, str], hosts: Sequence[inventory.Host]) -> None:
    """Put commits in the stand-in's place, build them, and deploy them to hosts of the lab.

    Args:
        lab: The lab, which must be up.
        given: What the operator typed, by service.
        hosts: The hosts.

    Raises:
        LabError: Nothing was given, or nothing can be built of it: nothing was touched. Or a build or a deploy failed.
    """
    if not given:
        raise LabRefusedError(
            "no repository was given",
            "this puts your own commits in the place of the lab's stand-in application",
            "inv lab.application --backend=../aiPBX_backend --frontend=../aiPBX",
        )
    sources = [read(service, text) for service, text in given.items()]
    checked = {host.name: settings.of_host(host.name, host.data) for host in hosts}
    require_lab_addresses(lab.directory / "ssh_config", list(checked))
    with Steps().shown() as steps:
        put(lab, sources, steps, build=any(data.images_from == "registry" for data in checked.values()))
        for source in sources:
            steps.say(f"{GITHUB[source.service]} {BRANCH}: {source.sha[:12]} from {source.repository}")
    ready = [name for name, data in checked.items() if _configured(lab, name, data.app_dir)]
    if ready:
        typed.run(lab, ("inv", "deploy", f"--host={','.join(ready)}", "--yes"))
    for name in checked.keys() - set(ready):
        print(f"{name} has no configuration yet. Steps 3 to 5 of the README bring it there and deploy these commits.")


def _configured(lab: Lab, host: str, app_dir: str) -> bool:
    done = required(lab).host(host).run(f"test -e {app_dir}/environment.json", check=False)
    return done.returncode == 0


def put(lab: Lab, sources: Sequence[Source], steps: Steps, *, build: bool) -> None:
    """Put commits in the stand-in's place in the world's GitHub, and their images into its registry.

    Args:
        lab: The lab, which must be up.
        sources: The commits; a service without one keeps what is there.
        build: Whether CI makes images of them; a host that builds its own needs none.

    Raises:
        LabError: The lab is not up, a commit cannot be copied, or an image cannot be built.
    """
    running = required(lab)
    copies = {GITHUB[source.service]: copy(source, lab.directory / "application") for source in sources}
    ensure_repositories(running.world, copies)
    if not build:
        return
    mirror = machine_mirror()
    images = Images(running.docker, mirror, steps)
    tags = images.build(lifecycle.recipes(lab, mirror, images.architecture, stories=False))
    workshop = Workshop.of(running, tags, steps)
    wanted = [
        pipeline.build(
            name, repository, source.sha, workshop.dockerfiles, workshop.application_bases, arguments(lab, source)
        )
        for source, (name, repository) in zip(sources, copies.items(), strict=True)
    ]
    workshop.ensure_builds(images, mirror, wanted)


def arguments(lab: Lab, source: Source) -> Mapping[str, str]:
    """Return the build arguments for a commit: the stand-in's where it descends from the stand-in, else none.

    Args:
        lab: The lab, whose folder has the stand-in's repositories.
    """
    stand_in = lab.directory / "repositories" / f"{GITHUB[source.service]}.git"
    roots = _git(source.repository, "rev-list", "--max-parents=0", source.sha).stdout.split()
    return ARGUMENTS[source.service] if history.commits(stand_in)["first"] in roots else {}


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(repository), *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIMEOUT,
        check=False,
    )


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["git said nothing"])[-1]
