"""`aipbx-agent pull`: the images of a release, from their registry, with a password that no file keeps."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field

from aipbx_agent.core import arriving, disk, engine_api, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import run
from aipbx_agent.release import registry
from aipbx_agent.release.registry import USER, Image

PULL_SECONDS = 900
# What an image may unpack to.
ROOM = 2 << 30
REVISION = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
# Seconds between two reports of how far it is.
_PAUSE = 0.5


@dataclass(frozen=True)
class Wanted:
    """What is to be here.

    Args:
        images: of the application.
        base: what every release stands on; public.
        token: the registry's password for this one run; empty: the images are public.
    """

    images: list[Image]
    base: list[str]
    token: str = field(default="", repr=False)


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads images by service, and the registry's password, from standard input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Bring what is wanted, unless it is here.

    Raises:
        Refused: it cannot be had; nothing that runs was touched.
    """
    request = json.load(sys.stdin)
    images = [Image(**image) for image in request["images"].values()]
    events.result(pulled=pull(config, Wanted(images, request["base"], request["token"])))


def pull(config: Config, wanted: Wanted) -> list[str]:
    """Bring the images of some commits, and those that every release stands on, unless they are here.

    Returns: those that were pulled.

    Raises:
        Refused: the disk is too small, or the registry refused, or has something else under that name.
    """
    delete_torn(config, wanted)
    absent = [image for image in wanted.images if not image.is_here]
    base = [image for image in wanted.base if registry.digests(image) is None]
    if absent or base:
        disk.require({config.app: ROOM * len([*absent, *base])}, int(config.raw["min_free_disk_mib"]))
    for name in base:
        with events.step(f"pull {name}"), arriving.noted(config, name):
            _pull_public(config, name)
    for image in absent:
        with events.step(f"pull {image.reference}"), arriving.noted(config, image.reference):
            _pull(config, image, wanted.token)
    return [*base, *(image.name for image in absent)]


def delete_torn(config: Config, wanted: Wanted) -> None:
    """Delete the images that were on their way when this host went down, so that a pull brings all their layers.

    Raises:
        Refused: the registry has one, and does not give it.
    """
    for name in arriving.torn(config):
        with events.step(f"{name}: the host went down during its download; its layers are deleted"):
            # A layer that belongs to no image yet would be used again: the image takes it away with itself.
            _complete(config, name, wanted)
            arriving.delete(config, name)


def _complete(config: Config, name: str, wanted: Wanted) -> None:
    """Pull an image to its end, unless no registry has it: it was built here, or is gone since."""
    own = next((one for one in wanted.images if name.startswith((f"{one.repository}:", f"{one.repository}@"))), None)
    try:
        if own:
            tag = name[len(own.repository) + 1 :]
            _follow(config, Image(own.repository, tag, tag if "@" in name else ""), wanted.token)
        else:
            _pull_public(config, name)
    except Refused as problem:
        if (own or name in wanted.base) and not registry.is_unknown(problem.why):
            raise


def _pull_public(config: Config, image: str) -> None:
    try:
        run(["docker", "pull", "--quiet", image], seconds=PULL_SECONDS)
    except Failed as problem:
        raise _refused(config, image, problem.why, token=False) from None


def _pull(config: Config, image: Image, token: str) -> None:
    """Pull an image, and give it its name once it is what it is to be."""
    _follow(config, image, token)
    label = ["docker", "image", "inspect", "--format", REVISION, image.reference]
    revision = run(label, seconds=SECONDS).decode().strip()
    if revision != image.sha:
        run(["docker", "image", "rm", image.reference], seconds=SECONDS, fine=(0, 1))
        raise Refused(
            f"{image.reference} is not the image of {image.sha[:12]}.",
            f"Its label org.opencontainers.image.revision says {revision or 'nothing'}.",
            "Build and push the image of this commit again; what runs was not touched.",
        )
    if image.digest:
        run(["docker", "tag", image.reference, image.name], seconds=SECONDS)


def _follow(config: Config, image: Image, token: str) -> None:
    """Let Docker pull it, and report how far it is: so a caller who is gone is noticed, too."""
    reported = 0.0
    pulling = engine_api.pull(image.repository, image.digest or image.sha, engine_api.login(USER, token), PULL_SECONDS)
    try:
        for done, total in pulling:
            if time.monotonic() > reported + _PAUSE:
                events.progress(done, total)
                reported = time.monotonic()
    except Failed as problem:
        raise _refused(config, image.reference, problem.why, token=bool(token)) from None
    finally:
        pulling.close()


def _refused(config: Config, image: str, words: str, *, token: bool) -> Refused:
    return Refused(f"The registry did not give {image}.", words, registry.advice(config.host, words, token=token))
