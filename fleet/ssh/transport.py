"""A connection to a host before a login: a socket that speaks SSH, and the host's key verified."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from paramiko import PKey, Transport

from fleet.ssh import ssh
from fleet.ssh.ssh import CONNECT_SECONDS
from fleet.ssh.ssh_config import Route

# templates/sshd.conf.j2: an sshd that offers nothing beyond these is a converged host's. Stock ones offer ChaCha20.
HOST_KEYS = {"ssh-ed25519"}
CIPHERS = {"aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr"}
MACS = {"hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"}


class CheckedTransport(Transport):
    """Keeps what the server offers in its key exchange: it is known before a login. Refuses revoked host keys."""

    offers: dict[str, list[str]]

    def __init__(self, *args: Any, revoked: Sequence[PKey], **more: Any) -> None:
        super().__init__(*args, **more)
        self._revoked = revoked

    def start_client(self, event: Any = None, timeout: float | None = None) -> None:
        """Refuse a revoked host key as soon as it is known."""
        super().start_client(event, timeout)
        if self.get_remote_server_key() in self._revoked:
            raise ssh.RevokedError

    def _really_parse_kex_init(self, m: Any, ignore_first_byte: bool = False) -> Any:
        parsed = super()._really_parse_kex_init(m, ignore_first_byte)  # type: ignore[misc]
        if not ignore_first_byte:  # else it is our own
            self.offers = parsed
        return parsed

    @property
    def declared(self) -> bool:
        """Whether this sshd is as deploys/ssh.py makes it."""
        return (
            set(self.offers["server_key_algo_list"]) <= HOST_KEYS
            and set(self.offers["server_encrypt_algo_list"]) <= CIPHERS
            and set(self.offers["server_mac_algo_list"]) <= MACS
        )


def connected(route: Route) -> socket.socket:
    """Return a socket whose other end has begun to speak SSH."""
    if command := ssh.jump(route) if route.jump else route.proxy:
        sock, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # its own words are for the operator: stderr stays ours
                ["/bin/sh", "-c", f"exec {command}"], stdin=theirs.fileno(), stdout=theirs.fileno()
            )
        del process  # it ends with its socket
    else:
        sock = _direct(route)
    sock.settimeout(CONNECT_SECONDS)
    greeting = _greeting(sock)
    if not greeting.startswith(b"SSH-"):
        sock.close()
        raise ssh.NoGreetingError(greeting.decode(errors="replace").strip())
    return sock


def _direct(route: Route) -> socket.socket:
    failed: OSError | None = None
    addresses = socket.getaddrinfo(route.address, route.port, route.family, socket.SOCK_STREAM)
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(CONNECT_SECONDS)
        try:
            if route.source:
                sock.bind((route.source, 0))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failed = failed or error
        else:
            return sock
    raise failed or OSError(f"{route.address} has no address")


def _greeting(sock: socket.socket) -> bytes:
    """Return the other end's first line, left where it is; what there is when it hangs up."""
    end, received = time.monotonic() + CONNECT_SECONDS, b""
    while time.monotonic() < end:
        now = sock.recv(256, socket.MSG_PEEK)
        if b"\n" in now or len(now) == 256 or not now:
            return now or received
        if now == received:
            time.sleep(0.02)
        received = now
    raise TimeoutError("timed out")
