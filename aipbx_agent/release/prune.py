"""`aipbx-agent prune`: the application's images on this host, of which those go that nothing needs.

What is judged are tags that are commits, in the application's repositories: nothing else on a host is ours. Which
commits releases need comes over standard input: `request`, `after_release`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.process import run
from aipbx_agent.release import build_cache, releases
from aipbx_agent.release.fill import with_volumes
from aipbx_agent.release.releases import SHA, Entry, Release


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        repositories: the application's, by service.
        needed: why an image stays, by service and SHA.
        remove: references that go if nothing needs them; None: every one.
        assets: an image of the frontend, and the minutes after which files go that no release had since; None: all
            stay.
        cache: whether the build cache goes as far as it exceeds what stays for the next build.
    """

    repositories: dict[str, str]
    needed: dict[str, dict[str, str]]
    remove: list[str] | None
    assets: tuple[str, int] | None = None
    cache: bool = False


@dataclass(frozen=True)
class Image:
    """An image of the application.

    Args:
        service: whose.
        reference: its name and tag.
        size: bytes, those included that it shares with others.
        built: when, in ISO 8601.
        stays: why; empty: it goes.
    """

    service: str
    reference: str
    size: int
    built: str
    stays: str

    @property
    def tag(self) -> str:
        """A git SHA, on what CI or a deploy has made."""
        return self.reference.rpartition(":")[2]


def request(
    entries: list[Entry], running: Release | None, repositories: dict[str, str], keep: int, **more: Any
) -> dict[str, Any]:
    """What a host is asked, as JSON has it (`Request`).

    Args:
        entries: its ledger.
        running: the release that runs.
        repositories: the application's, by service.
        keep: how many releases keep their images.
        more: the other fields.
    """
    by_service: dict[str, dict[str, str]] = {}
    for (service, sha), why in releases.needed(entries, running, keep).items():
        by_service.setdefault(service, {})[sha] = why
    return {"repositories": repositories, "needed": by_service, **more}


def after_release(
    entries: list[Entry], running: Release, repositories: dict[str, str], keep: int, *, cache: bool
) -> dict[str, Any]:
    """The same once a release has come: all goes that no release needs which a rollback could go back to.

    Args:
        cache: whether the build cache goes, too, as far as it exceeds what stays for the next build.
    """
    oldest = datetime.fromisoformat(releases.kept(entries, keep)[-1].time.replace("Z", "+00:00"))
    minutes = int((datetime.now(timezone.utc) - oldest).total_seconds() // 60) + 1
    assets = (f"{repositories['frontend']}:{running.frontend}", minutes)
    return request(entries, running, repositories, keep, remove=None, assets=assets, cache=cache)


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads them from standard input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Remove what is to go, and report what there was, which images are gone, and the bytes that freed.

    `excess` are the bytes of build cache beyond what stays.
    """
    request = Request(**json.load(sys.stdin))
    if request.assets:
        image, minutes = request.assets
        script = f"find /srv/assets -type f -mmin +{minutes} -delete"
        with_volumes(image, {"/srv/assets": config.raw["volumes"]["frontend_assets"]}, script)
    images = judged(_inspected(request.repositories), _containers(), request)
    going = [image.reference for image in images if not image.stays and _is_meant(image, request.remove)]
    excess = max(0, build_cache.size() - build_cache.KEPT)
    shrinks = request.cache and excess > 0
    before = _free() if going or shrinks else 0
    for reference in going:
        # A container that got it meanwhile keeps it.
        run(["docker", "image", "rm", reference], seconds=5 * SECONDS, fine=(0, 1))
    if shrinks:
        build_cache.prune()
    present = {image.reference for image in judged(_inspected(request.repositories), [], request)} if going else set()
    events.result(
        images=[asdict(image) for image in images],
        removed=[reference for reference in going if reference not in present],
        freed=max(0, _free() - before) if going or shrinks else 0,
        excess=excess,
    )


def _is_meant(image: Image, remove: list[str] | None) -> bool:
    return remove is None or image.reference in remove


def judged(inspected: list[dict[str, Any]], containers: list[dict[str, Any]], request: Request) -> list[Image]:
    """Return the application's images, the newest first.

    Args:
        inspected: images, as `docker image inspect` shows them.
        containers: every container of the host, as `docker inspect` shows them.
        request: says which are the application's, and needed.
    """
    # By its id and by its name: a container keeps its image when another one has got that name since.
    used = {
        name: container["Name"]
        for container in containers
        for name in (container["Image"], container["Config"]["Image"])
    }
    services = {_short(repository): service for service, repository in request.repositories.items()}
    images = []
    for image in inspected:
        for reference in image["RepoTags"] or []:
            repository, _, tag = reference.rpartition(":")
            if repository not in services:
                continue
            service = services[repository]
            why = request.needed.get(service, {}).get(tag, "")
            if by := used.get(image["Id"]) or used.get(reference):
                why = why or f"container {by.removeprefix('/')} has it"
            if not SHA.fullmatch(tag):
                why = why or "its tag is not a commit"
            images.append(Image(service, reference, image["Size"], f"{image['Created'][:19]}+00:00", why))
    return sorted(images, key=lambda image: (image.built, image.reference), reverse=True)


def _short(repository: str) -> str:
    """Its name as Docker writes it: without the registry that is Docker's own."""
    return repository.removeprefix("docker.io/").removeprefix("library/")


def _inspected(repositories: dict[str, str]) -> list[dict[str, Any]]:
    argv = ["docker", "image", "ls", "--quiet", "--no-trunc"]
    identities = {
        line
        for repository in repositories.values()
        for line in run([*argv, repository], seconds=SECONDS).decode().split()
    }
    return _inspect(["docker", "image", "inspect", *sorted(identities)]) if identities else []


def _containers() -> list[dict[str, Any]]:
    identities = run(["docker", "ps", "--all", "--quiet", "--no-trunc"], seconds=SECONDS).decode().split()
    return _inspect(["docker", "inspect", *identities]) if identities else []


def _inspect(argv: list[str]) -> list[dict[str, Any]]:
    """What Docker knows; one that ends meanwhile is passed over: inspect shows the others, and fails."""
    inspected: list[dict[str, Any]] = json.loads(run(argv, seconds=SECONDS, fine=(0, 1)))
    return inspected


def _free() -> int:
    return shutil.disk_usage(docker.root()).free
