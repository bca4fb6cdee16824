"""The certificates that this host can serve: a folder each, named by the hash of its chain; `current` leads to one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aipbx_agent.core import files, lock
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.tls import check, nginx
from aipbx_agent.tls.check import CHAIN, KEY

LOCK = Path("/run/lock/aipbx-certificate")
LOCK_SECONDS = 180
# nginx reads this where there is a certificate (templates/nginx).
HTTPS = "https.conf"
INCLUDE = "include /etc/nginx/aipbx/https.conf;\n"
# nginx's group in its container; no one else may read the key.
GROUP = 101
RETAINED = 3


def folder(config: Config) -> Path:
    """Return where they are."""
    return config.app / "tls"


def current(config: Config) -> str:
    """Return the hash of the chain in force; empty when there is none."""
    link = folder(config) / "current"
    return str(link.readlink()) if link.is_symlink() else ""


@contextmanager
def incoming(config: Config) -> Iterator[Path]:
    """Yield an empty folder for a certificate to come into; other runs wait for the end of this one.

    Raises:
        Refused: another run does not end.
    """
    with lock.held("certificate", LOCK, seconds=LOCK_SECONDS):
        new = folder(config) / "incoming.new"
        shutil.rmtree(new, ignore_errors=True)
        (folder(config) / "current.new").unlink(missing_ok=True)
        new.mkdir()
        try:
            yield new
        finally:
            shutil.rmtree(new, ignore_errors=True)


def publish(config: Config, new: Path, names: list[str], authority: Path | None = None) -> str:
    """Have nginx serve a certificate; the one before comes back when nginx refuses it.

    Args:
        new: the folder that it came into.
        names: what it must be for.
        authority: who may vouch for it, as `check` has it.

    Returns: the hash of its chain.

    Raises:
        Refused: it cannot be served, and nothing was touched.
        Failed: nginx does not take it.
    """
    check.check(new, names, authority)
    digest, before = files.sha256(new / CHAIN), current(config)
    place = folder(config) / digest
    if before != digest or not _is_whole(place, new):
        _install(new, place)
        _flip(config, digest)
    os.utime(place)
    if nginx.served(config.host) != digest:
        try:
            nginx.reload()
        except AgentError as problem:
            if before not in {"", digest}:
                _flip(config, before)
            raise Failed(
                "nginx does not take the new certificate; the one before stays.",
                problem.why,
                "Correct what it names, then try again.",
            ) from None
    _delete_old(config, digest)
    return digest


def _is_whole(place: Path, new: Path) -> bool:
    try:
        same = all((place / name).read_bytes() == (new / name).read_bytes() for name in (CHAIN, KEY))
    except FileNotFoundError:
        return False
    return same and (place / HTTPS).exists()


def _install(new: Path, place: Path) -> None:
    (new / HTTPS).write_text(INCLUDE, "utf-8")
    for path in (new / CHAIN, new / KEY, new / HTTPS):
        os.chown(path, -1, GROUP)
        path.chmod(0o640)
        files.sync(path)
    os.chown(new, -1, GROUP)
    new.chmod(0o750)
    shutil.rmtree(place, ignore_errors=True)
    new.rename(place)


def _flip(config: Config, digest: str) -> None:
    link = folder(config) / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(digest)
    link.replace(folder(config) / "current")


def _delete_old(config: Config, digest: str) -> None:
    known = [path for path in folder(config).iterdir() if path.is_dir() and not path.is_symlink()]
    known.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in known[RETAINED:]:
        if path.name != digest:
            shutil.rmtree(path)
