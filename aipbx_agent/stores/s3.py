"""Object storage that speaks S3, by rclone: configured by its environment, so nothing shows in `ps`.

An object is not there before it is complete. This host's key may add, read and hide objects; the bucket keeps what was
hidden or overwritten (versions) for as long as its own rules say: docs/security.md.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import last_words, run, stream
from aipbx_agent.stores.base import LONG, QUICK, Content, Meter, changed, chunks_of, measured

ACCESS_KEY, SECRET_KEY = "OFFSITE_S3_ACCESS_KEY_ID", "OFFSITE_S3_SECRET_ACCESS_KEY"
# Parts of 16 MiB: a set may have 10,000 of them. rclone repeats what a busy server refused, a few times.
LIMITS = ("--s3-chunk-size=16M", "--contimeout=20s", "--timeout=60s", "--retries=1", "--low-level-retries=5")


def environment(declared: dict[str, Any], secrets: dict[str, str]) -> dict[str, str]:
    """rclone's configuration; the remote is called `store`.

    Args:
        declared: endpoint, bucket, region, from the inventory.
        secrets: this host's.
    """
    values = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": declared["endpoint"],
        "REGION": declared["region"],
        "ACCESS_KEY_ID": secrets[ACCESS_KEY],
        "SECRET_ACCESS_KEY": secrets[SECRET_KEY],
        # It is there, or nothing goes: a key that may make buckets may do too much.
        "NO_CHECK_BUCKET": "true",
    }
    settings = {f"RCLONE_CONFIG_STORE_{name}": value for name, value in values.items()}
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "RCLONE_CONFIG": "/dev/null", **settings}


def essence(output: str) -> str:
    """Return what rclone said, without the times and the counts around it."""
    last = output.rpartition(" Failed to ")[2]
    return re.split(r"^[a-z]+: (?=\S)|last error was: error in \w+: ", last, maxsplit=1)[-1]


class S3Store:
    """A host's part of a bucket.

    Args:
        where: how it is called.
        declared: endpoint, bucket, region.

    Raises:
        Refused: the keys are missing.
    """

    prunes_itself = False

    def __init__(self, where: str, config: Config, declared: dict[str, Any]) -> None:
        missing = [name for name in (ACCESS_KEY, SECRET_KEY) if not config.secrets.get(name)]
        if missing:
            raise Refused(
                f"This host has no {' and no '.join(missing)}.",
                f"Its off-site copies go to the bucket {declared['bucket']}, and it needs a key for it.",
                f"inv env.edit --host={config.host}, then: inv env.push --host={config.host}",
            )
        self.where = where
        self._bucket = f"store:{declared['bucket']}"
        self._host = config.host
        self._environment = environment(declared, config.secrets)

    def __enter__(self) -> S3Store:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def put(self, source: Path | Iterable[bytes], name: str) -> Content:
        """Store a file or a stream, and read it back."""
        if isinstance(source, Path):
            sent = measured(chunks_of(source))
            # The size is known, so that an upload which is cut off cannot end as a shorter object.
            self._run("copyto", "--ignore-times", str(source), self._path(name), seconds=LONG)
        else:
            sent = self._stream(source, name)
        if measured(self.read(name)) != sent:
            raise changed(self.where, name)
        return sent

    def _stream(self, chunks: Iterable[bytes], name: str) -> Content:
        meter = Meter(chunks)
        with tempfile.TemporaryFile() as errors:
            try:
                rclone = subprocess.Popen(
                    self._command("rcat", self._path(name)),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env=self._environment,
                )
            except OSError as problem:
                raise self._failed("rcat", str(problem)) from None
            assert rclone.stdin  # noqa: S101  a pipe
            try:
                for chunk in meter:
                    rclone.stdin.write(chunk)
                rclone.stdin.close()
            except BrokenPipeError:
                pass  # it ended early; why, it says itself
            except BaseException:
                # Before its input ends: it would make a shorter object of what it has.
                rclone.kill()
                raise
            finally:
                rclone.wait()
            if rclone.returncode != 0:
                errors.seek(0)
                raise self._failed("rcat", last_words(errors.read()))
        return meter.content

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file."""
        try:
            yield from stream([self._command("cat", self._path(name))], env=self._environment)
        except Failed as problem:
            raise self._failed("cat", problem.why) from None

    def names(self, folder: str) -> dict[str, int]:
        """Return size of each file in a folder, by name."""
        listed = self._run("lsjson", "--files-only", "--no-modtime", "--no-mimetype", self._path(folder))
        return {entry["Name"]: int(entry["Size"]) for entry in json.loads(listed)}

    def texts(self, folder: str, ending: str) -> dict[str, bytes]:
        """Contents of small files, by name."""
        with tempfile.TemporaryDirectory() as here:
            self._run("copy", f"--include=*{ending}", "--max-depth=1", self._path(folder), here)
            return {path.name: path.read_bytes() for path in Path(here).iterdir()}

    def remove(self, name: str) -> None:
        """Hide a file."""
        self._run("deletefile", self._path(name))

    def free(self) -> int | None:
        """Return None: a bucket has no such bound."""
        return None

    def _path(self, name: str) -> str:
        return f"{self._bucket}/{self._host}/{name}"

    def _command(self, *arguments: str) -> list[str]:
        return ["rclone", *LIMITS, *arguments]

    def _run(self, *arguments: str, seconds: float = QUICK) -> bytes:
        try:
            return run(self._command(*arguments), seconds=seconds, env=self._environment)
        except Failed as problem:
            raise self._failed(arguments[0], problem.why) from None

    def _failed(self, verb: str, output: str) -> Failed:
        output = essence(output)
        keys = any(word in output for word in ("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "403"))
        return Failed(
            f"{self.where} refused a request: {verb}.",
            f"rclone says: {output}",
            f"Check {ACCESS_KEY} and {SECRET_KEY}: inv env.edit --host={self._host}, then env.push."
            if keys
            else "Nothing there counts as a copy unless it was read back. The next run (every hour) sends it again.",
        )
