"""A certificate on the operator's machine: read, and checked before anything goes to a host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from fleet.errors import OperatorError


@dataclass(frozen=True)
class Certificate:
    """What an operator wants to know of a certificate.

    Attributes:
        names: the names that it is for.
        issuer: who signed it, by common name or organization.
        starts: since when it holds.
        ends: until when it holds.
    """

    names: tuple[str, ...]
    issuer: str
    starts: datetime
    ends: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative afterwards."""
        return (self.ends - now).days

    def covers(self, name: str) -> bool:
        """Return whether it is for `name`; a wildcard stands for one label."""
        return name in self.names or f"*.{name.partition('.')[2]}" in self.names


def read(chain: bytes) -> tuple[Certificate, list[x509.Certificate]]:
    """Return the server's certificate of a PEM chain, and the whole chain.

    Raises:
        OperatorError: there is none, or it cannot be read.
    """
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise OperatorError(
            "The certificate cannot be read.",
            str(error),
            "Give the full chain as PEM: the server's certificate first, then each one's issuer.",
        ) from None
    leaf = certificates[0]
    return Certificate(_names(leaf), _issuer(leaf), leaf.not_valid_before_utc, leaf.not_valid_after_utc), certificates


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))


def _issuer(leaf: x509.Certificate) -> str:
    for attribute in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        names = leaf.issuer.get_attributes_for_oid(attribute)
        if names:
            return str(names[0].value)
    return leaf.issuer.rfc4514_string()


def check(chain: bytes, key: bytes, names: list[str], now: datetime | None = None) -> Certificate:
    """Check that a certificate can serve a host.

    Args:
        chain: the server's certificate, then each one's issuer; PEM.
        key: its private key; PEM, without a passphrase.
        names: what it must be for.
        now: the time to check its dates against; default: now.

    Raises:
        OperatorError: key, order, a name or a date is wrong.
    """
    certificate, certificates = read(chain)
    if _public(key) != certificates[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise OperatorError(
            "Certificate and key do not match.",
            "The key's public half is not the one in the first certificate.",
            "Give the key that the certificate was requested with; the server's certificate comes first in the chain.",
        )
    for signed, by in pairwise(certificates):
        try:
            signed.verify_directly_issued_by(by)
        except (ValueError, TypeError, InvalidSignature):
            raise OperatorError(
                "The chain is out of order or has a gap.",
                f"{signed.subject.rfc4514_string()} is not signed by the certificate after it, "
                f"{by.subject.rfc4514_string()}.",
                "Order it: the server's certificate, then each one's issuer.",
            ) from None
    missing = [name for name in names if not certificate.covers(name)]
    if missing:
        raise OperatorError(
            f"The certificate is not for {', '.join(missing)}.",
            f"It names {', '.join(certificate.names) or 'nothing'}.",
            f"Get one that names {', '.join(names)}, or correct extra_names in inventory.py.",
        )
    _check_dates(certificate, now or datetime.now(UTC))
    return certificate


def _public(key: bytes) -> bytes:
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError):
        raise OperatorError(
            "The private key cannot be read.",
            "It is not PEM, or it is protected by a passphrase.",
            "Give the key without a passphrase: `openssl pkey -in KEY -out PLAIN`.",
        ) from None
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _check_dates(certificate: Certificate, now: datetime) -> None:
    if certificate.ends <= now:
        raise OperatorError("The certificate has expired.", f"It ended at {certificate.ends:%c} UTC.", "Get a new one.")
    if certificate.starts > now:
        raise OperatorError(
            "The certificate is not valid yet.",
            f"It begins at {certificate.starts:%c} UTC.",
            "Wait until then, or check this machine's clock.",
        )
