"""The images of a release, pulled from this host's own repositories with a password that no file keeps."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aipbx_agent.ci import values
from aipbx_agent.ci.request import read_object, refused
from aipbx_agent.contract import SERVICES
from aipbx_agent.core import disk, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import run

PULL_SECONDS = 900
# In memory: it does not survive a restart of the host.
FOLDER = Path("/run")
PREFIX = "aipbx-registry-"
# GitHub's registry takes any name beside a token.
USER = "token"
# What an image may unpack to.
ROOM = 2 << 30
REVISION = '{{index .Config.Labels "org.opencontainers.image.revision"}}'


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Args:
        shas: a commit by service.
        digests: what the image of a service has to be; empty: as its registry says.
        token: the registry's password for this one run; empty: the images are public.
    """

    shas: dict[str, str]
    digests: dict[str, str]
    token: str = field(default="", repr=False)


def read(body: bytes) -> Wanted:
    """Read what is asked for.

    Raises:
        Refused: it is something else than images of the application, at commits.
    """
    request = read_object(body)
    named = values.field(request, "images", values.mapping)
    if not named or set(named) - set(SERVICES):
        raise refused(f"It names other services than {' and '.join(SERVICES)}.")
    each = {name: values.mapping(image, "images") for name, image in named.items()}
    return Wanted(
        {name: values.field(image, "sha", values.sha) for name, image in each.items()},
        {name: values.matching(values.DIGEST, image.get("digest", ""), "digest") for name, image in each.items()},
        values.matching(values.TOKEN, request.get("token", ""), "token"),
    )


def pull(config: Config, wanted: Wanted) -> list[str]:
    """Bring the images of some commits, and those that every release stands on, unless they are here.

    Returns: those that were pulled.

    Raises:
        Refused: the disk is too small.
        Failed: the registry refused, or has something else under that name.
    """
    own = config.raw["release"]
    absent = [name for name, sha in wanted.shas.items() if not _is_here(config, name, sha, wanted.digests[name])]
    base = [image for image in own["base_images"] if not _inspected(image)]
    _clear()
    if absent or base:
        disk.require({config.app: ROOM * len([*absent, *base])}, int(config.raw["min_free_disk_mib"]))
    for image in base:
        _pull(image)
    with _login(sorted({own["repositories"][name].partition("/")[0] for name in absent}), wanted.token) as folder:
        for name in absent:
            _pull_own(own["repositories"][name], wanted.shas[name], wanted.digests[name], folder)
    return [*base, *(f"{own['repositories'][name]}:{wanted.shas[name]}" for name in absent)]


def _is_here(config: Config, service: str, sha: str, digest: str) -> bool:
    repository = config.raw["release"]["repositories"][service]
    known = _inspected(f"{repository}:{sha}")
    return bool(known) and (not digest or f"{repository}@{digest}" in json.loads(known))


def _inspected(image: str) -> str:
    """The names by digest of an image that is here, as JSON; empty: it is not."""
    argv = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", image]
    try:
        return run(argv, seconds=SECONDS).decode().strip()
    except Failed:
        return ""


def _pull_own(repository: str, sha: str, digest: str, folder: Path | None) -> None:
    """Pull an image, and give it its name once it is what it is to be."""
    reference, name = f"{repository}@{digest}" if digest else f"{repository}:{sha}", f"{repository}:{sha}"
    _pull(reference, *(["--config", str(folder)] if folder else []))
    revision = run(["docker", "image", "inspect", "--format", REVISION, reference], seconds=SECONDS).decode().strip()
    if revision != sha:
        run(["docker", "image", "rm", reference], seconds=SECONDS, fine=(0, 1))
        raise Failed(
            f"{reference} is not the image of {sha[:12]}.",
            f"Its label org.opencontainers.image.revision says {revision or 'nothing'}.",
            "Build and push the image of this commit again; what runs was not touched.",
        )
    if digest:
        run(["docker", "tag", reference, name], seconds=SECONDS)


def _pull(image: str, *options: str) -> None:
    with events.step(f"pull {image}"):
        run(["docker", *options, "pull", "--quiet", image], seconds=PULL_SECONDS)


@contextmanager
def _login(registries: list[str], token: str) -> Iterator[Path | None]:
    """A folder of Docker's configuration with this password, for root alone, gone afterwards; None: there is none."""
    if not token:
        yield None
        return
    auth = base64.b64encode(f"{USER}:{token}".encode()).decode()
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=f"{PREFIX}{os.getpid()}-") as name:
        file = Path(name) / "config.json"
        file.touch(0o600)
        file.write_text(json.dumps({"auths": {registry: {"auth": auth} for registry in registries}}), "utf-8")
        yield Path(name)


def _clear() -> None:
    """Delete what runs that were killed have left; the name says whose each is."""
    for path in FOLDER.glob(f"{PREFIX}*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists():
            for file in path.iterdir():
                file.unlink(missing_ok=True)
            path.rmdir()
