"""Addresses that lead to this host itself, or to the cloud that it runs on: no stranger's name may lead there."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aipbx_agent.contract import METADATA_NETWORKS

METADATA = tuple(map(ip_network, METADATA_NETWORKS))


def parsed(text: str) -> IPv4Address | IPv6Address:
    """Return an address as the resolver or a socket has it; an IPv4 one that is written as IPv6 is IPv4."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    # ::ffff:127.0.0.1 is 127.0.0.1, which Python knows since 3.13.
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def is_own(text: str) -> bool:
    """Return whether an address is one of them."""
    address = parsed(text)
    alone = address.is_loopback or address.is_link_local or address.is_unspecified
    return alone or any(address in network for network in METADATA)
