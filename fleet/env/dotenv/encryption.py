"""Env files in git, encrypted with age: to whom (recipients.txt), and with whose key they are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

RECIPIENTS = "recipients.txt"
IDENTITIES = ("~/.config/aipbx/age.key", "~/.ssh/id_ed25519")


def seal(content: bytes, directory: Path) -> bytes:
    """Encrypt to everyone in recipients.txt.

    Args:
        content: what to encrypt.
        directory: where recipients.txt stands.

    Raises:
        OperatorError: no recipients, a malformed one, or the result could not be read here.
    """
    import pyrage

    sealed: bytes = pyrage.encrypt(content, recipients(directory), armored=True)
    try:
        unseal(sealed, directory / RECIPIENTS)
    except OperatorError as error:
        raise OperatorError(
            "You could not read the encrypted file yourself.",
            f"Your key is not among the recipients in {directory / RECIPIENTS}, or cannot be used here: {error.why}",
            f"Add it: cat ~/.ssh/id_ed25519.pub >> {directory / RECIPIENTS}",
        ) from None
    return sealed


def recipients(directory: Path) -> Sequence[Any]:
    """Return the public keys in recipients.txt: age1… or ssh-ed25519 …, one a line, # for comments.

    Raises:
        OperatorError: there is none, or a line is no public key.
    """
    import pyrage

    path = directory / RECIPIENTS
    keys: list[Any] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.is_file() else (), start=1):
        key = line.partition("#")[0].strip() if not line.startswith("ssh-") else line.strip()
        if not key:
            continue
        kind = pyrage.ssh.Recipient if key.startswith("ssh-") else pyrage.x25519.Recipient
        try:
            keys.append(kind.from_str(key))
        except pyrage.RecipientError:
            raise OperatorError(
                f"{path}, line {number}, is not a public key that age knows.",
                "A line must be `age1…` or `ssh-ed25519 AAAA… name`.",
                "Correct it; never put a private key there.",
            ) from None
    if not keys:
        raise OperatorError(
            f"There are no recipients in {path}.",
            "An encrypted file needs the public keys of those who may read it.",
            f"cat ~/.ssh/id_ed25519.pub >> {path}",
        )
    return keys


def unseal(sealed: bytes, path: Path) -> bytes:
    """Decrypt, in memory.

    Args:
        encrypted: the encrypted bytes.
        path: where they come from, for the message.

    Raises:
        OperatorError: no key of this operator opens it, or it is damaged.
    """
    import pyrage

    keys, refused = identities(str(path))
    try:
        content: bytes = pyrage.decrypt(sealed, keys)
    except pyrage.DecryptError as error:
        if "No matching keys" not in str(error):
            raise OperatorError(
                f"{path} is damaged: {error}.", "age checks every byte.", f"Use an older version: git log -- {path}"
            ) from None
        raise OperatorError(
            f"Your keys do not open {path}.",
            "; ".join(["It was not encrypted to you", *refused]) + ".",
            f"Ask a colleague to add your public key to {RECIPIENTS} and to run `inv env.encrypt` for this host.",
        ) from None
    return content


def identities(what: str) -> tuple[list[Any], list[str]]:
    """This operator's private keys, at least one, and why others cannot be used.

    Args:
        what: is to be decrypted, for the message.

    Raises:
        OperatorError: there is none.
    """
    named = os.environ.get("AIPBX_AGE_IDENTITY")
    keys: list[Any] = []
    refused: list[str] = []
    for text in (named,) if named else IDENTITIES:
        path = Path(text).expanduser()
        if not path.is_file():
            if named:
                refused.append(f"AIPBX_AGE_IDENTITY names {path}, which is not there")
            continue
        try:
            keys += _keys(path)
        except OperatorError as error:
            refused.append(error.why)
    if not keys:
        raise OperatorError(
            f"There is no key here to decrypt {what}.",
            "; ".join(refused) or f"None of {', '.join(IDENTITIES)} exists.",
            "Put your age key there, or name it: export AIPBX_AGE_IDENTITY=<file>",
        )
    return keys, refused


def _keys(path: Path) -> list[Any]:
    import pyrage

    try:
        content = path.read_bytes()
        if b"PRIVATE KEY" in content:
            return [pyrage.ssh.Identity.from_buffer(content)]
        lines = [line.strip() for line in content.decode().splitlines()]
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as error:
        protected = "must be decrypted" in str(error)
        why = f"{path} has a passphrase, which age keys of SSH may not have here" if protected else f"{path}: {error}"
        raise OperatorError("This key cannot be used.", why, "Use another.") from None
    return keys
