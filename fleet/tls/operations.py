"""Certificates on a host, which its agent obtains, checks and serves. What `inv tls.*` and `inv deploy` call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import AUTHORITY
from fleet import agent
from fleet.tls import certificate

if TYPE_CHECKING:
    from fleet.remote import Remote

# An authority may take its time, and the lock may be held by the timer's own run.
ENSURE_SECONDS = 600


@dataclass(frozen=True)
class Status:
    """What a host reports of its certificate.

    Attributes:
        source: `letsencrypt` or `supplied`.
        names: the names that the host answers for.
        file: a hash of the chain in force; empty when there is none.
        served: a hash of the chain that nginx hands out; empty when it hands out none.
        chain: the chain in force, as PEM.
    """

    source: str
    names: list[str]
    file: str
    served: str
    chain: str


def ensure(remote: Remote, *, force: bool = False) -> str:
    """Obtain the host's certificate if there is none, renew it if it is due, and have nginx serve it.

    Args:
        force: renew although it is not due.

    Returns: one line: what is served, and until when.

    Raises:
        OperatorError: a name does not point here, nginx does not answer, ...; nothing was touched.
        FailedError: the authority issues none, or nginx does not serve it.
    """
    verb = ["certificate", *(["--force"] if force else [])]
    return _line(remote, agent.query(remote, verb, seconds=ENSURE_SECONDS))


def supply(remote: Remote, chain: bytes, key: bytes, names: list[str], authority: bytes = b"") -> str:
    """Check a certificate here, hand it over, and have the host check and serve it.

    Args:
        chain: the full chain, PEM.
        key: its private key, PEM; travels on standard input only.
        names: the names that the host answers for.
        authority: a private authority's certificates, PEM; without, the host verifies as browsers do, against the
            authorities that its system knows.

    Returns: one line: what is served, and until when.

    Raises:
        OperatorError: it cannot serve this host, or browsers would not trust it.
        FailedError: nginx does not serve it.
    """
    certificate.check(chain, key, names)
    if authority:
        certificate.read(authority)
    parts = [chain, key, *([AUTHORITY.encode(), authority] if authority else [])]
    stdin = b"".join(part.rstrip() + b"\n" for part in parts)
    return _line(remote, agent.query(remote, ["certificate-supply", "--verify"], stdin, seconds=ENSURE_SECONDS))


def _line(remote: Remote, result: dict[str, Any]) -> str:
    if not result["served"]:
        return f"the certificate of {remote.name} is in place; nginx does not run and reads it when it starts"
    until = datetime.fromisoformat(result["until"])
    return f"serving the certificate of {remote.name}, until {until:%Y-%m-%d %H:%M} UTC"


def status(remote: Remote) -> Status:
    """Return what the host reports of its certificate.

    Raises:
        OperatorError: the host cannot be reached or asked.
    """
    return Status(**agent.query(remote, ["certificate-status"]))
