"""The commands that a host is given: data in, exact command out."""

from __future__ import annotations

# What comes behind this line on standard input is the authority to verify against.
AUTHORITY = b"# aipbx: authority"
CERTIFICATE = "/usr/local/lib/aipbx/certificate.sh"


def ensure(*, force: bool = False) -> str:
    """Obtain, renew and serve as needed.

    Args:
        force: renew although it is not due.
    """
    return reported(f"{CERTIFICATE} ensure{' --force' * force}")


def supply() -> str:
    """Take chain and key from standard input, and behind the line `AUTHORITY` a private authority."""
    return reported(f"{CERTIFICATE} supply --verify")


def status() -> str:
    """Say what is there and what is served."""
    return reported(f"{CERTIFICATE} status")


def reported(command: str) -> str:
    """The command with its errors among its output and its exit code as the last line, `exit=N`."""
    return f'{{ {command}; }} 2>&1; echo "exit=$?"'
