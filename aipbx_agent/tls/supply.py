"""`aipbx-agent certificate-supply`: chain and key, as PEM, come over standard input."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.tls import declared, pem, serving, store
from aipbx_agent.tls.check import CHAIN, KEY

# Whom the system's own programs trust; browsers trust the same, or nearly.
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether anyone must vouch for it."""
    parser.add_argument(
        "--verify", action="store_true", help="only if browsers trust it, or an authority that comes behind it"
    )


def main(config: Config, options: argparse.Namespace) -> None:
    """Check a certificate, and have nginx serve it.

    Raises:
        Refused: it cannot be served.
        Failed: nginx does not serve it.
    """
    chain, key, authority = pem.parts(sys.stdin.buffer.read())
    if not chain or not key:
        raise Refused("Certificate or key is missing.", "Standard input must hold both, as PEM.", "Give both files.")
    with store.incoming(config) as new, tempfile.NamedTemporaryFile() as trusted:
        (new / CHAIN).write_bytes(chain)
        (new / KEY).write_bytes(key)
        trusted.write(authority)
        trusted.flush()
        vouching = (Path(trusted.name) if authority else BUNDLE) if options.verify else None
        names = declared.read(config).names
        serving.confirm(config, store.publish(config, new, names, vouching))
