"""The key pair that off-site copies are encrypted with: its private half lives with the operators, and on no host."""

from __future__ import annotations

import os
from pathlib import Path

from fleet.env.dotenv import encryption, files
from fleet.errors import OperatorError


def path() -> Path:
    """Return where this operator's age key is, or would be: where `fleet/env/dotenv/encryption.py` looks first."""
    return Path(os.environ.get("AIPBX_AGE_IDENTITY") or encryption.IDENTITIES[0]).expanduser()


def make() -> tuple[Path, str]:
    """Make a key pair; its private half goes to a file that only its owner can read, and nowhere else.

    Returns: that file, and the public half.

    Raises:
        OperatorError: there is one already.
    """
    import pyrage

    place = path()
    if place.exists():
        raise OperatorError(
            f"{place} exists already.",
            "Copies encrypted to it could no longer be read.",
            f"Its public half serves as well: grep -o 'age1.*' {place}   (or: age-keygen -y {place})",
        )
    pair = pyrage.x25519.Identity.generate()
    public = str(pair.to_public())
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    files.save(place, f"# aiPBX Fleet: opens off-site copies. public key: {public}\n{pair}\n".encode())
    return place, public


def advice(place: Path, public: str) -> str:
    """Return what an operator does with it.

    Args:
        place: where the private half is.
        public: the public half.
    """
    return f"""The private key is in {place}. It is on no host, and no one can recreate it:
without it, no off-site copy can ever be read. Before anything else, put a copy of that file
into the team's password manager, as "aiPBX off-site age key", and try to read it from there.

The public key goes into group_data/all.py; then converge the hosts:

backup_recipients = ["{public}"]
"""
