"""`aipbx-agent offered`: which images of a release are here, and which digest the registry has for the others."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.release import registry
from aipbx_agent.release.registry import Image


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads images by service, and the registry's password, from standard input."""


def main(_: Config, __: argparse.Namespace) -> None:
    """Look; nothing is pulled."""
    request = json.load(sys.stdin)
    events.result(
        images={
            service: look(Image(**image), request["token"], anyway=request["anyway"])
            for service, image in request["images"].items()
        }
    )


def look(image: Image, token: str, *, anyway: bool) -> dict[str, Any]:
    """Return whether an image is here, else its digest in the registry, or why that is not known.

    Args:
        token: the registry's password; empty: the image is public.
        anyway: whether the registry is asked for one that is here, too.
    """
    here = image.is_here
    if here and not anyway:
        return {"here": True, "digest": "", "why": ""}
    try:
        return {"here": here, "digest": registry.digest(image, token), "why": ""}
    except Failed as problem:
        return {"here": here, "digest": "", "why": problem.why}
