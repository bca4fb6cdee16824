"""That nginx serves the certificate in force, which is the end of each run; and `aipbx-agent certificate-status`."""

from __future__ import annotations

import argparse

from aipbx_agent.contract import CERTIFICATE
from aipbx_agent.core import events, retry
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.tls import declared, nginx, pem, store

SECONDS = 10


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Report what is declared, what is in force (the hash of the chain, and the chain), and what nginx hands out."""
    wanted, chain = declared.read(config), config.app / CERTIFICATE
    events.result(
        source=wanted.source,
        names=wanted.names,
        file=store.current(config),
        served=nginx.served(config.host),
        chain=chain.read_text("utf-8") if chain.exists() else "",
    )


def confirm(config: Config, digest: str) -> None:
    """Wait until nginx hands out the certificate in force, and report that; an nginx that is down reads it later.

    Args:
        digest: the hash of its chain.

    Raises:
        Failed: it hands out another one, or none.
    """
    running = nginx.running()
    if running:
        retry.until(SECONDS, lambda: _require_served(config, digest))
    ends = pem.ends(config.app / CERTIFICATE)
    events.result(served=running, until=ends.isoformat() if ends else "")


def _require_served(config: Config, digest: str) -> None:
    if nginx.served(config.host) != digest:
        raise Failed(
            "The certificate is in place, and nginx does not serve it.",
            f"https://{config.host} answers with another one, or not at all.",
            "See `docker logs` of nginx on the host.",
        )
