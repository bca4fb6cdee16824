"""An encrypted copy on its way here: hashed, opened with this operator's key, verified, and only then a file."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fleet.env.dotenv import encryption
from fleet.errors import FailedError, OperatorError
from fleet.output import bar, step
from fleet.ssh import program
from fleet.transfer import archive, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CHUNK = 1 << 20


class Source:
    """What age reads from: it counts and hashes what passes.

    Args:
        stream: where it comes from.
        passed: called with the number of bytes of each portion.
    """

    def __init__(self, stream: IO[bytes], passed: Callable[[int], None]) -> None:
        self._stream, self._passed = stream, passed
        self._digest = hashlib.sha256()
        self.bytes = 0

    def read(self, count: int = -1) -> bytes:
        """As a file's."""
        chunk = self._stream.read(count)
        self._digest.update(chunk)
        self.bytes += len(chunk)
        self._passed(len(chunk))
        return chunk

    @property
    def sha256(self) -> str:
        """Of all that has passed."""
        return self._digest.hexdigest()


def receive(command: Sequence[str], copy: dict[str, Any], path: Path) -> None:
    """Run a command that prints an encrypted set, and make the opened, verified tar of it.

    Args:
        command: its words.
        copy: what the store says of it: name, bytes, sha256.
        path: the tar; it is there only when all is well.

    Raises:
        OperatorError: no key here opens it, it is not what was stored, or it did not arrive.
    """
    with transfer.arriving(path, copy["bytes"]) as partial, partial.open("w+b") as opened:
        _open(command, copy, opened)
        with step(f"every file of {copy['name']} against its manifest"):
            opened.seek(0)
            _verify(opened, copy["name"])


def prove(command: Sequence[str], copy: dict[str, Any]) -> None:
    """The same, but what is opened goes through memory only, and is kept nowhere.

    Args:
        command: prints an encrypted set.
        copy: what the store says of it: name, bytes, sha256.

    Raises:
        OperatorError: no key here opens it, it is not what was stored, or it did not arrive.
    """
    reading, writing = os.pipe()
    wrong: list[FailedError] = []

    def read() -> None:
        with os.fdopen(reading, "rb") as stream:
            try:
                _verify(stream, copy["name"])
            except FailedError as error:
                wrong.append(error)
            while stream.read(_CHUNK):
                pass  # the writer must be completed

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        with os.fdopen(writing, "wb") as opened:
            _open(command, copy, opened)
    finally:
        reader.join()
    if wrong:
        raise wrong[0]


def _open(command: Sequence[str], copy: dict[str, Any], opened: IO[bytes]) -> None:
    import pyrage

    keys, _ = encryption.identities("off-site copies")
    name = copy["name"]
    wrong: Exception | None = None
    with program.running(command) as sending, bar(f"{name} from off-site", copy["bytes"]) as passed:
        source = Source(sending.stdout, passed)
        try:
            pyrage.decrypt_io(source, opened, keys)
        except (pyrage.DecryptError, OSError) as error:
            wrong = error  # what it means, the hash of all that came shows
        while source.read(_CHUNK):
            pass  # what age did not want to read is part of the copy's hash all the same
    if sending.code != 0:
        raise FailedError(
            f"The copy of {name} did not arrive.",
            sending.last_words or f"ssh ended with {sending.code}.",
            "Fix the cause, and try again; nothing was saved.",
        )
    if (source.bytes, source.sha256) != (copy["bytes"], copy["sha256"]):
        raise FailedError(
            f"The off-site copy {name} is damaged.",
            f"It has {source.bytes} bytes and another hash than when it was stored.",
            "Take another copy, and have the store's disk checked. Nothing was saved.",
        )
    if isinstance(wrong, OSError):
        raise FailedError(f"The decrypted {name} cannot be saved here.", str(wrong), "Make room, and try again.")
    if wrong:
        raise OperatorError(
            f"The off-site copy {name} cannot be opened here.",
            f"age says: {wrong}. None of your keys is one of its backup_recipients.",
            "Get the key from the team's password manager, and name it: export AIPBX_AGE_IDENTITY=<file>",
        )


def _verify(stream: IO[bytes], name: str) -> None:
    """Compare every file of a set's tar with its manifest, and the manifest with what it should be.

    Raises:
        FailedError: something is missing, changed, or does not belong there.
    """
    try:
        manifest = archive.check_stream(stream, Path(name))
    except OperatorError as problem:
        raise FailedError(problem.what, problem.why, "Use another copy. Nothing was saved.") from None
    if manifest["name"] != name:
        raise FailedError(
            f"{name} is not a complete backup set.",
            f"It is {manifest['name']}.",
            "Use another copy. Nothing was saved.",
        )
