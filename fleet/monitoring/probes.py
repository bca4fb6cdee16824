"""What a host asks of the others' public names: the checks of a deploy, and what only a stranger sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet.inventory import hosts
from fleet.inventory.application import Check

if TYPE_CHECKING:
    from fleet.inventory.hosts import Host

# By the beginning of a check's path: what its alert is about (files/monitoring/alerts.yml).
_CHECKS = {"/api/": "api", "/socket.io/": "socket-io"}


@dataclass(frozen=True)
class Probe:
    """A question to another host.

    Args:
        peer: that host.
        check: what it is about: site, api, socket-io, tls (whatever certificate comes), ping.
        module: which of the blackbox exporter's modules asks.
        target: what it asks.
    """

    peer: str
    check: str
    module: str
    target: str


def peers(name: str) -> list[Host]:
    """Return the other hosts that customers use; one on which releases are tried out neither asks nor is asked."""
    production = hosts.production(hosts.load())
    return [host for host in production if host.name != name] if name in {host.name for host in production} else []


def of_peers(name: str) -> list[Probe]:
    """All that the host called `name` asks the others."""
    return [probe for peer in peers(name) for probe in _of_peer(peer)]


def modules(name: str) -> dict[str, Check]:
    """Return the modules that check an answer, by name: one for each kind of good answer."""
    return {_module(check): check for peer in peers(name) for check in _checks(peer.data)}


def _of_peer(peer: Host) -> list[Probe]:
    site = f"https://{peer.name}/"
    answers = [
        Probe(peer.name, _about(check), _module(check), f"{site}{check.path[1:]}") for check in _checks(peer.data)
    ]
    return [*answers, Probe(peer.name, "tls", "unverified", site), Probe(peer.name, "ping", "ping", peer.name)]


def _checks(data: dict[str, Any]) -> list[Check]:
    return [Check.model_validate(check) for check in data["public_checks"]]


def _about(check: Check) -> str:
    return next((about for start, about in _CHECKS.items() if check.path.startswith(start)), "site")


def _module(check: Check) -> str:
    return "-".join(["answers", *map(str, check.statuses), check.content_type.replace("/", "-")])
