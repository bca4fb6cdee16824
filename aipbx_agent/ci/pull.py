"""The images of a release that CI asks for: of this host's own repositories, and no others."""

from __future__ import annotations

from aipbx_agent.ci import values
from aipbx_agent.ci.request import read_object, refused
from aipbx_agent.contract import SERVICES
from aipbx_agent.core.config import Config
from aipbx_agent.release.pull import Wanted
from aipbx_agent.release.registry import Image


def read(config: Config, body: bytes) -> Wanted:
    """Read what is asked for.

    Raises:
        Refused: it is something else than images of the application, at commits.
    """
    request, own = read_object(body), config.raw["release"]
    named = values.field(request, "images", values.mapping)
    if not named or set(named) - set(SERVICES):
        raise refused(f"It names other services than {' and '.join(SERVICES)}.")
    each = {name: values.mapping(one, "images") for name, one in named.items()}
    images = [_image(own["repositories"][name], one) for name, one in each.items()]
    return Wanted(images, own["base_images"], values.matching(values.TOKEN, request.get("token", ""), "token"))


def _image(repository: str, one: dict[str, object]) -> Image:
    digest = values.matching(values.DIGEST, one.get("digest", ""), "digest")
    return Image(repository, values.field(one, "sha", values.sha), digest)
