"""Secrets in a file that sops encrypts, beside the env file: env/<host>.sops.yaml, a value by name, for git.

The operator's own `sops` does it, with the keys that the file or .sops.yaml names. Values pass through pipes only.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fleet.env.dotenv import files
from fleet.env.secret_store import protocol
from fleet.env.secret_store.protocol import Stored
from fleet.errors import OperatorError

LOGIN = "SOPS_AGE_KEY_FILE, or the login of the key service that the file names"
# A key service that takes its time, or a hardware key that waits for a touch.
SECONDS = 60.0
NONE = ""
# Exit codes of sops 3: no key opens the file; the file is not what was encrypted; there is nothing of sops in it.
_NO_KEY = (128,)
_DAMAGED = (25, 51)


class SopsStore:
    """The file of one host."""

    def __init__(self, host: str, seconds: float = SECONDS) -> None:
        self._path = files.paths(host)[0].with_name(f"{host}.sops.yaml")
        self._seconds = seconds
        self.place = files.shown(self._path)
        self.to_commit = self.place

    def read(self) -> Stored:
        """Return what it has."""
        version = self._version()
        if version == NONE:
            return Stored({}, NONE)
        text = self._sops(["decrypt", "--output-type", "json", self._path.name])
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise protocol.unknown(self.place, "It is not a list of names with values.")
        protocol.refuse_other_than_text(self.place, values)
        return Stored(values, version)

    def write(self, values: Mapping[str, str], replaces: str) -> None:
        """Replace all values, if the file is still the one that was read; without values there is no file."""
        if self._version() != replaces:
            raise protocol.changed(self.place)
        if not values:
            self._path.unlink(missing_ok=True)
            return
        types = ["--input-type", "json", "--output-type", "yaml", "--filename-override", self._path.name]
        files.save(self._path, self._sops(["encrypt", *types], json.dumps(dict(values)).encode()))

    def _version(self) -> str:
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest()
        except FileNotFoundError:
            return NONE
        except OSError as error:
            raise protocol.unreachable(self.place, str(error.strerror)) from None

    def _sops(self, words: list[str], stdin: bytes = b"") -> bytes:
        """What sops prints; what it says of an error is not shown, as it may quote the file."""
        try:
            # Beside the file: there sops looks for .sops.yaml, and above.
            done = subprocess.run(
                ["sops", *words],
                cwd=self._path.parent,
                input=stdin,
                capture_output=True,
                timeout=self._seconds,
                check=False,
            )
        except FileNotFoundError:
            raise _missing(self.place, self._path.parent) from None
        except subprocess.TimeoutExpired:
            raise protocol.timed_out(self.place, self._seconds) from None
        if done.returncode != 0:
            raise self._failed(words[0], done.returncode)
        return done.stdout

    def _failed(self, verb: str, code: int) -> OperatorError:
        if code in _NO_KEY:
            return protocol.refused(self.place, LOGIN)
        if verb == "encrypt":
            return OperatorError(
                f"{self.place}: sops did not encrypt (exit code {code}).",
                "No rule of .sops.yaml says to whose keys, or one of the keys is not valid.",
                "Add a rule to .sops.yaml: docs/secrets.md.",
            )
        why = "It was damaged, or edited without sops." if code in _DAMAGED else "It is not encrypted by sops."
        return protocol.unknown(self.place, f"{why} (sops: exit code {code})")


def _missing(place: str, folder: Path) -> OperatorError:
    if not folder.is_dir():
        return protocol.unreachable(place, f"There is no folder {files.shown(folder)}.")
    return OperatorError(
        f"{place}: sops is not installed on this machine.",
        "Only those who read this file need it.",
        "Install sops 3 (getsops.io), so that `sops --version` answers.",
    )
