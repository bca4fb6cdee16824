"""Whether hosts may pull the application's images, with the operator's token or without: tried, and kept nowhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from aipbx_agent.contract import SERVICES
from aipbx_agent.release.registry import TOKEN, advice
from aipbx_agent.release.releases import Release
from fleet.git.repository import repositories
from fleet.output import say
from fleet.release.images import offers, registry_token
from fleet.state import survey

if TYPE_CHECKING:
    from fleet.release.images.offers import Offer
    from fleet.remote import Remote


def show(hosts: list[Remote], *, as_json: bool) -> bool:
    """Ask the registry from each host, show what it says, and return whether all can be pulled.

    At a terminal, the operator is asked for a token where the registry wants one.
    """
    if not registry_token.known():
        registry_token.ask(hosts[0].settings.backend_image.partition("/")[0])
    found = {host.name: offers.of(host, _release(host), anyway=True) for host in hosts}
    if as_json:
        print(json.dumps({name: [asdict(one) for one in each] for name, each in found.items()}))
    else:
        for name, each in found.items():
            _show(name, each)
        if registry_token.known():
            say(f"The token is kept nowhere. A deploy asks for it again, or takes it from {TOKEN}.")
    return not any(one.why for each in found.values() for one in each)


def _release(host: Remote) -> Release:
    """The one that runs there, whose images the registry should have; else the heads of the branch."""
    if running := survey.take(host).running:
        return running
    known = repositories(host.settings)
    for repository in known.values():
        repository.refresh()
    return Release(**{name: known[name].head() for name in SERVICES})


def _show(host: str, found: list[Offer]) -> None:
    for one in found:
        if one.why:
            say(f"{host}: the {one.service}'s image {one.image} cannot be pulled: {one.why}", "red")
            say(f"  {advice(host, one.why, token=bool(registry_token.known()))}")
        else:
            say(f"{host}: the {one.service}'s image {one.image} can be pulled: {one.digest}", "green")
