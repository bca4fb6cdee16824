"""A certificate is refused on the operator's machine, and by the host's agent, for the same reasons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from aipbx_agent.core.errors import Refused
from aipbx_agent.tls import check
from fleet.errors import OperatorError
from fleet.tls import certificate
from tests.unit.tls import made

TODAY = datetime.now(UTC)
ROOT_CA = made.certificate("Root", starts=TODAY - timedelta(days=1))
MIDDLE = made.certificate("Middle", by=ROOT_CA, starts=TODAY - timedelta(days=1))
GOOD = made.certificate("aipbx.net", by=MIDDLE, names=made.NAMES, starts=TODAY - timedelta(days=1))
WILD = made.certificate("aipbx.net", by=MIDDLE, names=["aipbx.net", "*.aipbx.net"], starts=TODAY - timedelta(days=1))
OTHER = made.certificate("x", by=MIDDLE, names=["x.example"], starts=TODAY - timedelta(days=1))
OLD = made.certificate("aipbx.net", by=MIDDLE, names=made.NAMES, starts=TODAY - timedelta(days=9), days=8)
EARLY = made.certificate("aipbx.net", by=MIDDLE, names=made.NAMES, starts=TODAY + timedelta(days=2))
LOCKED = GOOD.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))

SEC1 = GOOD.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
# The curve, before the key: what `openssl ecparam -genkey` writes.
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
BAG = b"Bag Attributes\n    localKeyID: 01\nsubject=CN = aipbx.net\n"

BAD = {
    "no certificate": (b"", GOOD.key_pem, "certificate"),
    "garbage": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", GOOD.key_pem, "read"),
    "another key": (GOOD.pem + MIDDLE.pem, OTHER.key_pem, "Certificate and key do not match."),
    "the issuer first": (MIDDLE.pem + GOOD.pem, GOOD.key_pem, "Certificate and key do not match."),
    "a gap": (GOOD.pem + ROOT_CA.pem, GOOD.key_pem, "The chain is out of order or has a gap."),
    "out of order": (GOOD.pem + ROOT_CA.pem + MIDDLE.pem, GOOD.key_pem, "The chain is out of order or has a gap."),
    "another name": (OTHER.pem + MIDDLE.pem, OTHER.key_pem, "The certificate is not for aipbx.net"),
    "expired": (OLD.pem + MIDDLE.pem, OLD.key_pem, "The certificate has expired."),
    "not yet": (EARLY.pem + MIDDLE.pem, EARLY.key_pem, "The certificate is not valid yet."),
    "a passphrase": (GOOD.pem + MIDDLE.pem, LOCKED, "The private key cannot be read."),
}
FINE = {
    "chain": (GOOD.pem + MIDDLE.pem, GOOD.key_pem),
    "chain with its root": (GOOD.pem + MIDDLE.pem + ROOT_CA.pem, GOOD.key_pem),
    "alone": (GOOD.pem, GOOD.key_pem),
    "wildcard": (WILD.pem + MIDDLE.pem, WILD.key_pem),
    "with a byte order mark": (b"\xef\xbb\xbf" + GOOD.pem + MIDDLE.pem, b"\xef\xbb\xbf" + GOOD.key_pem),
    "out of a PFX": (BAG + GOOD.pem + BAG + MIDDLE.pem, BAG + GOOD.key_pem),
    "without an end of line": (GOOD.pem.rstrip() + MIDDLE.pem.rstrip(), GOOD.key_pem.rstrip()),
    "made by openssl ecparam": (GOOD.pem + MIDDLE.pem, PARAMETERS + SEC1),
    "written on Windows": ((GOOD.pem + MIDDLE.pem).replace(b"\n", b"\r\n"), GOOD.key_pem.replace(b"\n", b"\r\n")),
}


SPENT = made.certificate("Spent", by=ROOT_CA, starts=TODAY - timedelta(days=100))
BY_SPENT = made.certificate("aipbx.net", by=SPENT, names=made.NAMES, starts=TODAY - timedelta(days=1))
CLIENT = made.certificate(
    "aipbx.net", MIDDLE, made.NAMES, starts=TODAY - timedelta(days=1), purpose=ExtendedKeyUsageOID.CLIENT_AUTH
)
STRANGER = made.certificate("Root", starts=TODAY - timedelta(days=1))
UNBELIEVABLE = {
    "the leaf alone": (GOOD.pem, GOOD.key_pem, ROOT_CA.pem, "unable to get local issuer certificate"),
    "an authority that nobody knows": (GOOD.pem + MIDDLE.pem, GOOD.key_pem, STRANGER.pem, "certificate 1 of the chain"),
    "an expired intermediate": (BY_SPENT.pem + SPENT.pem, BY_SPENT.key_pem, ROOT_CA.pem, "certificate has expired"),
    "a client's": (CLIENT.pem + MIDDLE.pem, CLIENT.key_pem, ROOT_CA.pem, "purpose"),
}


def on_the_host(folder: Path, chain: bytes, key: bytes, authority: bytes = b"") -> None:
    trusted = folder / "authority"
    trusted.write_bytes(authority)
    (folder / check.CHAIN).write_bytes(chain)
    (folder / check.KEY).write_bytes(key)
    check.check(folder, made.NAMES, trusted if authority else None)


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_served_is_refused(case: str, tmp_path: Path) -> None:
    chain, key, said = BAD[case]
    with pytest.raises(OperatorError) as refused:
        certificate.check(chain, key, made.NAMES)
    assert said in refused.value.what
    with pytest.raises(Refused) as host:
        on_the_host(tmp_path, chain, key)
    assert said in host.value.what


@pytest.mark.parametrize("case", FINE)
def test_what_can_be_served_is_taken(case: str, tmp_path: Path) -> None:
    chain, key = FINE[case]
    assert certificate.check(chain, key, made.NAMES).issuer == "Middle"
    on_the_host(tmp_path, chain, key)
    # As openssl writes it, so that it compares with what nginx serves.
    served = (tmp_path / "fullchain.pem").read_bytes()
    assert served == b"".join(one.public_bytes(Encoding.PEM) for one in certificate.read(chain)[1])


def test_a_wildcard_stands_for_one_label() -> None:
    found, _ = certificate.read(WILD.pem)
    assert found.covers("a.aipbx.net")
    assert not found.covers("a.b.aipbx.net")


def test_days_are_whole() -> None:
    found, _ = certificate.read(GOOD.pem)
    assert found.days_left(found.ends - timedelta(days=30, hours=5)) == 30
    assert found.days_left(found.ends + timedelta(hours=1)) == -1


@pytest.mark.parametrize("case", UNBELIEVABLE)
def test_what_no_browser_believes_is_refused(case: str, tmp_path: Path) -> None:
    chain, key, authority, said = UNBELIEVABLE[case]
    with pytest.raises(Refused, match="A browser would not believe the certificate") as refused:
        on_the_host(tmp_path, chain, key, authority)
    assert refused.value.why.startswith("openssl says: certificate ")
    assert said in refused.value.why


def test_what_an_authority_vouches_for_is_taken(tmp_path: Path) -> None:
    on_the_host(tmp_path, GOOD.pem + MIDDLE.pem, GOOD.key_pem, ROOT_CA.pem)
