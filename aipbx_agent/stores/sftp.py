"""A peer host as a store: an account there that sees one folder, and can add to it and read it, no more.

What it may do is said by the peer's sshd (templates/sshd.conf.j2): files arrive read-only, nothing can be deleted,
overwritten or given other rights. Old copies are deleted by the peer itself (offsite/peers.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from aipbx_agent.contract import OFFSITE
from aipbx_agent.core.errors import Failed
from aipbx_agent.stores import sftp_protocol
from aipbx_agent.stores.base import LONG, PART, Content, Meter, Taken, changed, chunks_of, measured

# This host's key, and the peer's host key: `inv offsite.init` puts them there.
OURS = Path(OFFSITE)
KEY = OURS / "id_ed25519"
KNOWN_HOSTS = OURS / "known_hosts"
# Within a minute ssh notices that a line is dead.
OPTIONS = {
    "BatchMode": "yes",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "StrictHostKeyChecking": "yes",
    "UserKnownHostsFile": str(KNOWN_HOSTS),
    "GlobalKnownHostsFile": "/dev/null",
    "HostKeyAlgorithms": "ssh-ed25519",
    # The post-quantum exchange that every OpenSSH knows since 8.5.
    "KexAlgorithms": "sntrup761x25519-sha512@openssh.com",
    "ConnectTimeout": "20",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "LogLevel": "INFO",
}


def command(host: str, address: str, account: str) -> list[str]:
    """Return the ssh command whose other end speaks SFTP.

    Args:
        host: the peer's name in the inventory: its host key is known by it.
        address: where its sshd answers.
        account: on the peer, for this host alone.
    """
    options = [word for key, value in OPTIONS.items() for word in ("-o", f"{key}={value}")]
    options += ["-o", f"HostKeyAlias={host}"]
    # -F none: no configuration of this host's says otherwise.
    return ["ssh", "-F", "none", "-T", "-i", str(KEY), *options, "-l", account, "-s", address, "sftp"]


class SftpStore:
    """The folder of this host's on a peer.

    Args:
        where: how it is called.
        origin: this host's name.
        declared: the peer's name, where its sshd answers, the account there for this host alone.
    """

    prunes_itself = True

    def __init__(self, where: str, origin: str, declared: dict[str, str]) -> None:
        self.where = where
        self._origin, self._host = origin, declared["host"]
        self._command = command(self._host, declared["address"], declared["account"])
        self._open: sftp_protocol.Session | None = None

    def __enter__(self) -> SftpStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def put(self, source: Path | Iterable[bytes], name: str) -> Content:
        """Store a file or a stream: aside, read back, renamed."""
        with self._session() as session:
            if session.exists(name):
                raise Taken(
                    f"{self.where} has {name} already.",
                    "Copies are never overwritten.",
                    f"inv offsite.check --host={self._host}",
                )
            folder, _, last = name.rpartition("/")
            partial = f"{folder}/{PART}{last}.{secrets.token_hex(4)}"
            meter = Meter(chunks_of(source) if isinstance(source, Path) else source)
            session.write_new(partial, meter)
            if measured(session.read(partial)) != meter.content:
                raise changed(self.where, name)
            session.rename(partial, name)
            return meter.content

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file."""
        with self._session() as session:
            yield from session.read(name)

    def names(self, folder: str) -> dict[str, int]:
        """Return size of each file in a folder, by name."""
        with self._session() as session:
            return {
                entry.name: entry.size
                for entry in session.entries(folder)
                if entry.ordinary and not entry.name.startswith(PART)
            }

    def texts(self, folder: str, ending: str) -> dict[str, bytes]:
        """Contents of small files, by name."""
        with self._session() as session:
            return {
                name: b"".join(session.read(f"{folder}/{name}")) for name in self.names(folder) if name.endswith(ending)
            }

    def remove(self, name: str) -> None:
        """Ask for a file to be deleted: the peer refuses."""
        with self._session() as session:
            session.remove(name)

    def free(self) -> int:
        """Return bytes that fit there."""
        with self._session() as session:
            return session.free("sets")

    @contextmanager
    def _session(self) -> Iterator[sftp_protocol.Session]:
        """The connection; after anything unforeseen it is not used again."""
        try:
            if self._open is None:
                self._open = sftp_protocol.Session(self._command, LONG)
            yield self._open
        except sftp_protocol.Denied as denied:
            self._hang_up()
            raise Failed(
                f"{self._host} refused a request for an off-site copy.",
                f"Its SFTP server says: {denied}.",
                f"Is its disk full (inv status --host={self._host})? Is it converged? inv offsite.init "
                f"--host={self._origin} tries it. No incomplete copy counts; the next run (every hour) sends it again.",
            ) from None
        except sftp_protocol.Broken as broken:
            self._hang_up()
            raise lost(self._origin, self._host, str(broken)) from None
        except BaseException as error:
            if not isinstance(error, Taken):
                self._hang_up()
            raise

    def _hang_up(self) -> None:
        if self._open:
            self._open.close()
        self._open = None


def lost(origin: str, host: str, output: str) -> Failed:
    """Return why the connection to a peer ended, from ssh's own words.

    Args:
        origin: this host.
        host: the peer.
        output: the end of what ssh printed.
    """
    if "Host key verification failed" in output or "host key is known" in output:
        return Failed(
            f"{host} does not show the host key that this host knows it by.",
            f"ssh says: {output}",
            f"Was {host} reinstalled? Then: inv offsite.init --host={origin}. "
            "Otherwise someone intercepts the connection.",
        )
    if "Permission denied" in output:
        return Failed(
            f"{host} rejects this host's key.",
            f"ssh says: {output}",
            f"inv offsite.init --host={origin}, which authorises it there",
        )
    return Failed(
        f"The connection to {host} ended before the copy was there.",
        f"ssh says: {output}",
        "No incomplete copy counts. The next run (every hour) sends it again.",
    )
