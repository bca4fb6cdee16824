"""`aipbx-agent offered`: which images of a release are here, and which digest the registry has for the others."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection
from typing import Any

from aipbx_agent.core import arriving, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.release import registry
from aipbx_agent.release.registry import Image


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads images by service, and the registry's password, from standard input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Look; nothing is pulled."""
    request, torn = json.load(sys.stdin), arriving.torn(config)
    events.result(
        images={
            service: look(Image(**image), request["token"], torn, anyway=request["anyway"])
            for service, image in request["images"].items()
        }
    )


def look(image: Image, token: str, torn: Collection[str] = (), *, anyway: bool) -> dict[str, Any]:
    """Return whether an image is here, else its digest in the registry, or why that is not known.

    Args:
        token: the registry's password; empty: the image is public.
        torn: images that were on their way when this host went down: they will be pulled.
        anyway: whether the registry is asked for one that is here, too.
    """
    here = image.is_here and not {image.name, *(registry.digests(image.name) or ())}.intersection(torn)
    if here and not anyway:
        return {"here": True, "digest": "", "why": ""}
    try:
        return {"here": here, "digest": registry.digest(image, token), "why": ""}
    except Failed as problem:
        return {"here": here, "digest": "", "why": problem.why}
