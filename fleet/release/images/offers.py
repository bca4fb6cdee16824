"""What a release's images are, before the question: on the host already, or by which digest they will be pulled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import SERVICES
from aipbx_agent.release.registry import advice, is_denied
from fleet import agent
from fleet.errors import OperatorError
from fleet.output import step
from fleet.release.images import registry_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aipbx_agent.release.releases import Release
    from fleet.inventory.settings import Settings
    from fleet.remote import Remote

SECONDS = 300


@dataclass(frozen=True)
class Offer:
    """An image of a release.

    Args:
        service: whose.
        image: as a release names it.
        here: whether the host has it.
        digest: what the registry has, where it was asked.
        why: its words when it does not say.
    """

    service: str
    image: str
    here: bool
    digest: str
    why: str


def images(settings: Settings, release: Release, digests: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Return the images of a release by service, as the agent reads them.

    Args:
        digests: by service, what an image has to be.
    """
    return {
        name: {
            "repository": settings.repositories[name],
            "sha": release.sha(name),
            "digest": (digests or {}).get(name, ""),
        }
        for name in SERVICES
    }


def of(remote: Remote, release: Release, *, anyway: bool = False) -> list[Offer]:
    """Ask a host; at a terminal, the operator is asked for a token where the registry wants one.

    Args:
        release: its images.
        anyway: whether the registry is asked for those that the host has, too.
    """
    wanted = images(remote.settings, release)
    with step("images"):
        found = _asked(remote, wanted, registry_token.known(), anyway=anyway)
    if any(is_denied(one.why) for one in found) and not registry_token.known():
        registry = next(iter(wanted.values()))["repository"].partition("/")[0]
        if token := registry_token.ask(registry):
            return _asked(remote, wanted, token, anyway=anyway)
    return found


def _asked(remote: Remote, wanted: dict[str, dict[str, str]], token: str, *, anyway: bool) -> list[Offer]:
    request = json.dumps({"images": wanted, "token": token, "anyway": anyway}).encode()
    answers: dict[str, Any] = agent.query(remote, ["offered"], request, seconds=SECONDS)["images"]
    return [Offer(name, f"{one['repository']}:{one['sha']}", **answers[name]) for name, one in wanted.items()]


def digests(remote: Remote, release: Release) -> dict[str, str]:
    """Return, by service, what will be pulled to a host; nothing for what it has or builds.

    CI's account cannot ask: its workflow says what it has built.

    Raises:
        OperatorError: an image cannot be pulled; nothing was touched.
    """
    if remote.restricted or remote.settings.images_from != "registry":
        return {}
    missing = [one for one in of(remote, release) if not one.here]
    for one in missing:
        refuse_not_offered(remote.name, one)
    return {one.service: one.digest for one in missing}


def lines(settings: Settings, release: Release, digests: Mapping[str, str]) -> list[str]:
    """Return what an operator reads of what is pulled."""
    return [
        f"The {name}'s image is pulled: {one['repository']}:{one['sha'][:12]}, as {one['digest']}."
        for name, one in images(settings, release, digests).items()
        if one["digest"]
    ]


def refuse_not_offered(host: str, offer: Offer) -> None:
    """Refuse an image that the registry does not give.

    Raises:
        OperatorError: why not, and what to do.
    """
    if offer.why:
        raise OperatorError(
            f"{host} cannot pull the {offer.service}'s image {offer.image}.",
            offer.why,
            advice(host, offer.why, token=bool(registry_token.known())),
        )
