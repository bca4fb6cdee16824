"""`aipbx-agent images`: which image each service of others' runs, and whether its tag has a newer one in the registry.

The application's own images are commits, which never change: a deploy brings them. Every week, with --notify, the team
is notified of what is newer, once for each digest. Nothing is pulled.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from urllib.parse import quote

from aipbx_agent.contract import SERVICES
from aipbx_agent.core import engine_api, events, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.report import notify

# Below the app's folder: the digests that the team was notified of.
NOTIFIED = "notified-images.json"
_ABOUT = "the stack's images"


@dataclass(frozen=True)
class Image:
    """What a service runs.

    Args:
        service: what Compose calls it.
        image: as it is pinned.
        running: digests in the registry of the image that its container has; none of one that was never pulled.
        built: when that was built, in ISO 8601.
        newest: the digest that the registry has for the pin now; empty: it does not say.
        why: what it says instead.
    """

    service: str
    image: str
    running: list[str]
    built: str
    newest: str
    why: str

    @property
    def outdated(self) -> bool:
        """Whether the registry has another one."""
        return bool(self.newest) and self.newest not in self.running


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether the team is notified."""
    parser.add_argument("--notify", action="store_true", help="notify of what is newer, once for each digest")


def main(config: Config, options: argparse.Namespace) -> None:
    """Report them, and notify."""
    images = look(config)
    if options.notify:
        _notify(config, [image for image in images if image.outdated])
    events.result(images=[asdict(image) for image in images])


def look(config: Config) -> list[Image]:
    """Return the stack's images, the application's left out, by service.

    Raises:
        Failed: Docker does not answer.
    """
    labels = json.dumps(
        {"label": [f"com.docker.compose.project={config.project}", "com.docker.compose.oneoff=False"]},
        separators=(",", ":"),
    )
    containers = engine_api.ask("GET", f"/containers/json?all=true&filters={quote(labels)}", _ABOUT)
    identities = {container["Labels"]["com.docker.compose.service"]: container["Id"] for container in containers}
    return [_image(name, identities[name]) for name in sorted(identities) if name.rpartition("-")[0] not in SERVICES]


def _image(service: str, container: str) -> Image:
    image = engine_api.ask("GET", f"/containers/{container}/json", _ABOUT)
    pinned: str = image["Config"]["Image"]
    has = engine_api.ask("GET", f"/images/{image['Image']}/json", _ABOUT)
    running = [digest.rpartition("@")[2] for digest in has["RepoDigests"] or []]
    newest, why = _newest(pinned)
    return Image(service, pinned, running, f"{has['Created'][:19]}Z", newest, why)


def _newest(pinned: str) -> tuple[str, str]:
    """Return the digest that the registry has for a pin, or why it does not say."""
    try:
        answer = engine_api.ask("GET", f"/distribution/{quote(pinned, safe='')}/json", f"the registry's {pinned}")
        return str(answer["Descriptor"]["digest"]), ""
    except Failed as problem:
        return "", problem.why


def _notify(config: Config, outdated: list[Image]) -> None:
    """Notify of those whose digest no one was notified of yet."""
    path = config.app / NOTIFIED
    notified = files.read_json(path)
    news = [image for image in outdated if notified.get(image.service) != image.newest]
    if not news:
        return
    lines = [f"{image.service}: {image.image}, the one that runs was built {image.built[:10]}." for image in news]
    lines.append(f"inv images --host={config.host} shows them, --update=<service> takes one.")
    if notify.send(config, f"{config.host}: newer images in the registry", "\n".join(lines)):
        files.write_json(path, notified | {image.service: image.newest for image in news})
