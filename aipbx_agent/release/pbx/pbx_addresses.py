"""Where the names of PBXs lead now, and whether the firewall lets RTP in from there (`pbx_addresses`)."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from aipbx_agent.core.parallel import in_parallel
from aipbx_agent.release.pbx import own_addresses


class Addresses(NamedTuple):
    """PBXs, by what an operator calls them; one whose name has no address now is in neither.

    Args:
        let_in: those from whose address RTP is let in.
        shut_out: the others, with their addresses; RTP of theirs may come from elsewhere.
    """

    let_in: list[str]
    shut_out: dict[str, str]


def look(urls: Mapping[str, str], networks: Sequence[str]) -> Addresses:
    """Resolve all names.

    Args:
        urls: of ARI, by the PBX's name.
        networks: from which RTP is let in.
    """
    result = Addresses([], {})
    allowed = [ip_network(network) for network in networks]
    none: list[str] = []
    for name, addresses in zip(urls, in_parallel(list(urls.values()), _resolved, none), strict=True):
        if any(own_addresses.parsed(address) in network for address in addresses for network in allowed):
            result.let_in.append(name)
        elif addresses:
            result.shut_out[name] = ", ".join(addresses)
    return result


def _resolved(url: str) -> list[str]:
    try:
        answers = socket.getaddrinfo(urlsplit(url).hostname or "", None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return []
    return sorted({str(answer[4][0]) for answer in answers})
