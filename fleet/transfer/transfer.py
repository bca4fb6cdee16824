"""Large files between this machine and a host: over the system's ssh, aside, checked, renamed."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from aipbx_agent.contract import UPLOAD
from aipbx_agent.core.files import sha256
from aipbx_agent.core.text import size
from fleet.errors import FailedError, OperatorError
from fleet.output import bar
from fleet.remote import as_root
from fleet.ssh import program, ssh

if TYPE_CHECKING:
    from fleet.remote import Remote

# A transfer's deadline. A dead line ends it after half a minute (ssh's ServerAlive…).
SECONDS = 6 * 3600
# Exit codes of `receive`.
FULL, CUT = 28, 65
_CHUNK = 1 << 18


def receive(place: str, length: int, digest: str, spare_mib: int) -> str:
    """Return the command of root's that makes a file of its standard input, if all of it arrives unchanged.

    Args:
        place: where, on the host.
        length: its bytes.
        digest: its SHA-256.
        spare_mib: what must stay free on that disk.
    """
    path = PurePosixPath(place)
    partial, folder = shlex.quote(str(path.parent / f"{UPLOAD}{path.name}")), shlex.quote(str(path.parent))
    need = length // 1024 + spare_mib * 1024
    return (
        f"set -e; umask 077; mkdir -p {folder}; trap {shlex.quote(f'rm -f {partial}')} EXIT; "
        f"[ $(df -Pk {folder} | awk 'NR==2 {{print $4}}') -ge {need} ] || exit {FULL}; "
        f"cat >{partial}; echo '{digest} ' {partial} | sha256sum --check --status || exit {CUT}; "
        f"sync {partial}; mv -fT {partial} {shlex.quote(place)}"
    )


def upload(remote: Remote, path: Path, place: str) -> None:
    """Bring a file to a host, mode 0600, owner root; what was in its place stays until all of it has arrived.

    Args:
        place: where it comes to be.

    Raises:
        OperatorError: it is not there, or the host has no room.
        FailedError: it did not arrive whole; nothing of it stays there.
    """
    try:
        length, digest = path.stat().st_size, sha256(path)
    except OSError as problem:
        raise OperatorError(f"{path} cannot be read.", str(problem), "Name an existing file.") from None
    command = receive(place, length, digest, remote.settings.min_free_disk_mib)
    with (
        path.open("rb") as file,
        program.running(_ssh(remote, command)) as receiving,
        bar(f"{path.name} to {remote.name}", length) as advance,
        suppress(BrokenPipeError),  # the host may end first; its exit code says why
    ):
        _copy(file, receiving.stdin, advance)
    if receiving.code == FULL:
        raise OperatorError(
            f"{remote.name} has no room for {path.name} ({size(length)}).",
            f"{remote.settings.min_free_disk_mib} MiB would not stay free there (min_free_disk_mib).",
            "Make room, then run this again.",
        )
    if receiving.code != 0:
        raise _not_whole(remote, path.name, receiving.code, receiving.last_words)


@contextmanager
def arriving(path: Path, length: int) -> Iterator[Path]:
    """A file beside `path` that takes its name when everything went well, and else leaves nothing.

    Args:
        path: where it comes to be.
        length: the bytes that must fit.

    Raises:
        OperatorError: something has that name, or there is no room.
    """
    if path.exists():
        raise OperatorError(f"{path} exists already.", "Files are never overwritten.", "Move it away, or add --to=….")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < length:
            raise OperatorError(
                f"There is no room for {path.name} ({size(length)}).",
                f"{size(free)} are free in {path.parent}.",
                "Make room there.",
            )
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    except OSError as problem:
        raise OperatorError(f"{path} cannot be written.", str(problem), "Add --to=….") from None
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def stream(remote: Remote, command: str, partial: Path, length: int, name: str) -> None:
    """Write what a command of root's prints to a file here.

    Args:
        command: for sh; it must succeed.
        partial: the file; what was in it is gone.
        length: about how many bytes will come.
        name: what it is, for the progress bar.

    Raises:
        FailedError: the command failed, or the connection broke.
    """
    with (
        partial.open("wb") as file,
        program.running(_ssh(remote, command)) as sending,
        bar(f"{name} from {remote.name}", length) as advance,
    ):
        _copy(sending.stdout, file, advance)
    if sending.code != 0:
        raise _not_whole(remote, name, sending.code, sending.last_words)


def _ssh(remote: Remote, command: str) -> list[str]:
    return ssh.command(remote.name, remote.settings.deploy_user, as_root(command, SECONDS), "-T")


def _copy(source: IO[bytes], target: IO[bytes], advance: Callable[[int], None]) -> None:
    while portion := source.read(_CHUNK):
        target.write(portion)
        advance(len(portion))


def _not_whole(remote: Remote, name: str, code: int, output: str) -> FailedError:
    why = output or ("What arrived is not what was sent." if code == CUT else f"It ended with exit code {code}.")
    return FailedError(
        f"{name} was not transferred completely between this machine and {remote.name}.", why, "Run this again."
    )
