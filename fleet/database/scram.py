"""What PostgreSQL stores of a password (RFC 5803), made here: so the password itself is in no statement and no log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

# PostgreSQL's own (scram_iterations, SCRAM_DEFAULT_SALT_LEN).
ITERATIONS = 4096
SALT_BYTES = 16


def verifier(password: str, salt: bytes = b"") -> str:
    """A SCRAM-SHA-256 verifier, as ALTER ROLE … PASSWORD takes it.

    Args:
        password: in clear.
        salt: random; empty: a new one.
    """
    salt = salt or secrets.token_bytes(SALT_BYTES)
    # SASLprep's main step; for printable ASCII it is nothing at all.
    salted = hashlib.pbkdf2_hmac("sha256", unicodedata.normalize("NFKC", password).encode(), salt, ITERATIONS)
    stored = hashlib.sha256(_keyed(salted, b"Client Key")).digest()
    server = _keyed(salted, b"Server Key")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _keyed(key: bytes, what: bytes) -> bytes:
    return hmac.digest(key, what, "sha256")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
