"""Certificates on a host: ensured, supplied, looked at. What `inv tls.*` and `inv deploy` call."""

from __future__ import annotations

from typing import Protocol

from fleet.tls import answers, certificate, commands

# An authority may take its time, and the lock may be held by the timer's own run.
ENSURE_SECONDS = 600.0
LOOK_SECONDS = 60.0


class Remote(Protocol):
    """A host that runs commands as root."""

    @property
    def name(self) -> str:
        """The host's name."""

    def sudo_output(self, command: str, timeout: float, stdin: bytes | None = None) -> str:
        """Run a command as root and return its output."""


def ensure(remote: Remote, *, force: bool = False) -> str:
    """Obtain the host's certificate if there is none, renew it if it is due, and have nginx serve it.

    Args:
        remote: the host.
        force: renew although it is not due.

    Returns: one line: what is served, and until when.

    Raises:
        OperatorError: a name does not point here, the authority refuses, nginx does not answer, ...
    """
    return answers.outcome(remote.name, remote.sudo_output(commands.ensure(force=force), ENSURE_SECONDS)).strip()


def supply(remote: Remote, chain: bytes, key: bytes, names: list[str], authority: bytes = b"") -> str:
    """Check a certificate here, hand it over, and have the host check and serve it.

    Args:
        remote: the host.
        chain: the full chain, PEM.
        key: its private key, PEM; travels on standard input only.
        names: the names that the host answers for.
        authority: a private authority's certificates, PEM; without, the host verifies as browsers do, against the
            authorities that its system knows.

    Returns: one line: what is served, and until when.

    Raises:
        OperatorError: it cannot serve this host, or nobody could verify it.
    """
    certificate.check(chain, key, names)
    if authority:
        certificate.read(authority)
    parts = [chain, key, *([commands.AUTHORITY, authority] if authority else [])]
    given = b"".join(part.rstrip() + b"\n" for part in parts)
    return answers.outcome(remote.name, remote.sudo_output(commands.supply(), ENSURE_SECONDS, stdin=given)).strip()


def status(remote: Remote) -> answers.Status:
    """What the host says of its certificate.

    Raises:
        OperatorError: the host does not know how to say it.
    """
    return answers.status(answers.outcome(remote.name, remote.sudo_output(commands.status(), LOOK_SECONDS)))
