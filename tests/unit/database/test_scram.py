"""What PostgreSQL stores of a password, made here."""

from __future__ import annotations

import base64

from fleet.database.scram import verifier


def test_the_example_of_the_standard() -> None:
    # The example of RFC 7677; tests/lab/test_rotation.py logs in with one.
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_every_one_has_its_own_salt_and_looks_are_one_password() -> None:
    assert verifier("pencil") != verifier("pencil")
    salt = b"0123456789abcdef"
    assert verifier("\ufb01le", salt) == verifier("file", salt)
