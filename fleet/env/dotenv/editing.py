"""An editor on a file that never touches a disk in clear."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.errors import OperatorError

# Without these, Vim keeps copies and registers of what it edits in the home directory.
VIM = ("-n", "-i", "NONE", "--cmd", "set nobackup nowritebackup noundofile")
QUIET = {"vim": VIM, "nvim": VIM, "gvim": (*VIM, "-f")}


def edited(content: bytes, name: str, beside: Path | None) -> bytes:
    """Return what the operator made of `content` in their editor.

    Args:
        content: the text to begin with.
        name: the file's name, for the editor's window.
        beside: a directory to use where there is no memory file system, because the text is there in clear anyway.

    Raises:
        OperatorError: no memory file system, or the editor cannot be run or failed.
    """
    with private_directory(beside) as directory:
        path = directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        command = [*editor(), str(path)]
        try:
            result = subprocess.run(command, check=False)
        except OSError as error:
            raise OperatorError(
                f"The editor {command[0]!r} cannot be run.", str(error.strerror), "Set EDITOR, for example EDITOR=nano"
            ) from None
        if result.returncode != 0:
            raise OperatorError(
                f"The editor ended with exit code {result.returncode}.", "So nothing was saved.", "Try again."
            )
        return path.read_bytes()


def editor() -> list[str]:
    """Return the operator's editor, with options that keep it from leaving copies where we know them.

    Raises:
        OperatorError: EDITOR cannot be split into words.
    """
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        argv = shlex.split(named)
    except ValueError as error:
        raise OperatorError(f"EDITOR={named!r} cannot be understood.", str(error), "Correct EDITOR.") from None
    return [*argv, *QUIET.get(Path(argv[0]).name, ())] if argv else ["vi"]


@contextmanager
def private_directory(beside: Path | None) -> Iterator[Path]:
    """A directory of this operator's only, in memory, overwritten and removed at the end."""
    parent = memory_directory(Path("/proc/mounts")) or beside
    if parent is None:
        raise OperatorError(
            "No memory file system to edit in.",
            "Neither /dev/shm nor XDG_RUNTIME_DIR is one, and a decrypted file must not touch a disk.",
            "Edit on a Linux machine.",
        )
    directory = Path(tempfile.mkdtemp(prefix="aipbx-", dir=parent))
    try:
        yield directory
    finally:
        for path in directory.rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.write_bytes(b"\0" * path.stat().st_size)
        shutil.rmtree(directory)


def memory_directory(mounts: Path) -> Path | None:
    """Return a writable directory on a memory file system; None when there is none.

    Args:
        mounts: the kernel's list of mounts.
    """
    if not mounts.is_file():
        return None
    kinds = {fields[1]: fields[2] for fields in map(str.split, mounts.read_text("utf-8").splitlines())}
    for text in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108  it is to be this one
        path = Path(text)
        if text and kinds.get(text) in ("tmpfs", "ramfs") and os.access(path, os.W_OK | os.X_OK):
            return path
    return None
