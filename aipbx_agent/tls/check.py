"""Whether nginx can serve a certificate: key, chain, names and dates; and whether a browser would trust it."""

from __future__ import annotations

import re
import tempfile
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

from aipbx_agent.core.errors import Refused
from aipbx_agent.tls import pem

CHAIN, KEY = "fullchain.pem", "privkey.pem"
_READ = "%b %d %H:%M:%S %Y UTC"


def check(folder: Path, names: list[str], authority: Path | None = None) -> None:
    """Refuse a certificate that cannot be served, and write its chain as openssl writes it, to compare with nginx's.

    Args:
        folder: it holds CHAIN and KEY.
        names: what it must be for.
        authority: a file with the certificates of those that may vouch for it; None: it is not asked.

    Raises:
        Refused: why it cannot be served.
    """
    chain = [_read(part, number) for number, part in enumerate(pem.certificates((folder / CHAIN).read_bytes()), 1)]
    if not chain:
        raise Refused(
            "There is no certificate in it.",
            "No block BEGIN CERTIFICATE was found.",
            "Give the full chain as PEM: the server's certificate first.",
        )
    (folder / CHAIN).write_bytes(b"".join(chain))
    _check_key(folder / KEY, chain[0])
    _check_order(chain)
    _check_names(chain[0], names)
    _check_dates(chain[0])
    if authority:
        _check_trust(folder / CHAIN, chain[0], authority)


def _read(part: bytes, number: int) -> bytes:
    code, text = pem.openssl("x509", stdin=part)
    if code != 0:
        raise Refused(
            "A certificate of the chain cannot be read.",
            f"openssl x509 does not know its block {number}.",
            "Give the files as the authority delivered them, as PEM.",
        )
    return text.encode()


def _check_key(key: Path, leaf: bytes) -> None:
    code, public = pem.openssl("pkey", "-in", str(key), "-passin", "pass:", "-pubout")
    if code != 0:
        raise Refused(
            "The private key cannot be read.",
            "It is not PEM, or it is protected by a passphrase.",
            "Give the key without a passphrase: `openssl pkey -in KEY -out PLAIN`.",
        )
    if public != pem.openssl("x509", "-noout", "-pubkey", stdin=leaf)[1]:
        raise Refused(
            "Certificate and key do not match.",
            "The key's public half is not the one in the first certificate.",
            "Give the key that the certificate was requested with; the server's certificate is the first of the chain.",
        )


def _check_order(chain: list[bytes]) -> None:
    for signed, by in pairwise(chain):
        with tempfile.NamedTemporaryFile() as issuer:
            issuer.write(by)
            issuer.flush()
            arguments = ("verify", "-no_check_time", "-partial_chain", "-trusted", issuer.name)
            code, _ = pem.openssl(*arguments, stdin=signed)
        if code != 0:
            raise Refused(
                "The chain is out of order or has a gap.",
                f"{_subject(signed)} is not signed by the certificate after it, {_subject(by)}.",
                "Order it: the server's certificate, then each one's issuer.",
            )


def _subject(certificate: bytes) -> str:
    return pem.openssl("x509", "-noout", "-subject", stdin=certificate)[1].strip()


def _check_names(leaf: bytes, names: list[str]) -> None:
    for name in names:
        if "does match" not in pem.openssl("x509", "-noout", "-checkhost", name, stdin=leaf)[1]:
            raise Refused(
                f"The certificate is not for {name}.",
                f"It names {', '.join(pem.names(leaf)) or 'nothing'}.",
                f"Get one that names {', '.join(names)}, or correct extra_names in inventory.py.",
            )


def _check_dates(leaf: bytes) -> None:
    now, (starts, ends) = datetime.now(timezone.utc), pem.dates(leaf)
    if ends <= now:
        raise Refused("The certificate has expired.", f"It ended at {ends:{_READ}}.", "Get a new one.")
    if starts > now:
        raise Refused(
            "The certificate is not valid yet.",
            f"It begins at {starts:{_READ}}, and this host's clock says {now:{_READ}}.",
            "Wait, or check the host's clock: `timedatectl`.",
        )


def _check_trust(chain: Path, leaf: bytes, authority: Path) -> None:
    # Level 2 is what browsers demand of keys and signatures.
    argv = ["verify", "-no-CApath", "-no-CAstore", "-CAfile", str(authority), "-purpose", "sslserver"]
    code, text = pem.openssl(*argv, "-auth_level", "2", "-untrusted", str(chain), stdin=leaf)
    if code != 0:
        errors = re.findall(r"^error \d+ at (\d+) depth lookup: (.*)$", text, re.MULTILINE)
        raise Refused(
            "A browser would not believe the certificate.",
            "openssl says: " + "; ".join(f"certificate {depth} of the chain: {error}" for depth, error in errors),
            "Give the full chain of a server's certificate, as the authority delivered it. A private authority "
            "(Cloudflare's for origins) vouches for it with --authority=FILE.",
        )
