"""What the inventory says of this host's certificate."""

from __future__ import annotations

from dataclasses import dataclass

from aipbx_agent.core.config import Config

LETSENCRYPT = "letsencrypt"


@dataclass(frozen=True)
class Declared:
    """What the inventory says (deploys/agent.py).

    Args:
        names: that the certificate must be for; the first is the host's own.
        source: LETSENCRYPT, or `supplied`: operators bring it.
        acme_directory: where the authority is asked.
        acme_contact: the address that the authority may write to; empty: none.
        cloudflare: whether the names lead to Cloudflare instead of this host.
        public_addresses: that lead here although this host does not have them itself.
    """

    names: list[str]
    source: str
    acme_directory: str
    acme_contact: str
    cloudflare: bool
    public_addresses: list[str]


def read(config: Config) -> Declared:
    """Return what the inventory declares for TLS."""
    return Declared(**config.raw["certificate"])
