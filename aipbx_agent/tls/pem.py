"""Certificates and keys as PEM, read by openssl."""

from __future__ import annotations

import re
import ssl
from datetime import datetime, timezone
from pathlib import Path

from aipbx_agent.contract import AUTHORITY
from aipbx_agent.core.process import attempt

SECONDS = 30
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\r?\n?", re.DOTALL)


def openssl(*arguments: str, stdin: bytes = b"") -> tuple[int, str]:
    """Run openssl, which may fail.

    Returns: its exit code, and all that it printed.
    """
    return attempt(["openssl", *arguments], seconds=SECONDS, stdin=stdin)


def certificates(chain: bytes) -> list[bytes]:
    """Return the certificates of a chain, each alone, unread."""
    return [_BEGIN + part for part in chain.split(_BEGIN)[1:]]


def parts(text: bytes) -> tuple[bytes, bytes, bytes]:
    """Return chain, key and authority of what an operator supplies; what is missing is empty.

    Args:
        text: PEM blocks in any order; the authority's come behind the line AUTHORITY.
    """
    supplied, _, authority = text.partition(AUTHORITY.encode())
    chain, key = b"", b""
    for block in _BLOCK.finditer(supplied):
        if block[1].endswith(b"PRIVATE KEY"):
            key += block[0]
        else:
            chain += block[0]
    return chain, key, authority.lstrip()


def names(certificate: bytes) -> list[str]:
    """Return the names that a certificate is for."""
    _, text = openssl("x509", "-noout", "-ext", "subjectAltName", stdin=certificate)
    return re.findall(r"DNS:([^,\s]+)", text)


def dates(certificate: bytes) -> tuple[datetime, datetime]:
    """Return since when and until when a certificate is valid."""
    _, text = openssl("x509", "-noout", "-startdate", "-enddate", stdin=certificate)
    starts, ends = (line.partition("=")[2] for line in text.splitlines())
    return _moment(starts), _moment(ends)


def ends(chain: Path) -> datetime | None:
    """Return until when a file's first certificate is valid; None where there is none."""
    try:
        return dates(chain.read_bytes())[1]
    except (OSError, ValueError):
        return None


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), timezone.utc)
