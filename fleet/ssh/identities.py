"""Which of an operator's keys are offered to a host, and in which order: few enough that no attempt ends in a ban."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.checkout import operator_keys, state_directory
from fleet.errors import OperatorError
from fleet.ssh.ssh_config import Route

# sshd hangs up after MaxAuthTries refused keys (6 with us and by default; 4 in hardening guides); fail2ban counts that.
MOST_AT_CONVERGED = 5
MOST_ELSEWHERE = 3
# A signature may wait for a touch or a confirmation; our sshd waits as long for a login.
AGENT_SECONDS = 30
MAGIC = b"openssh-key-v1\0"


@dataclass(frozen=True)
class Identity:
    """A key that can be offered.

    Attributes:
        blob: its public half.
        name: how a message calls it.
        path: the file of its private half; none when the agent has it.
        agent_key: the agent's, as our SSH library has it.
    """

    blob: bytes
    name: str
    path: Path | None = None
    agent_key: Any = field(default=None, compare=False, repr=False)

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint})"

    def file(self) -> Path:
        """Return a file that names this key to the system's ssh: the private half, or a public half for the agent's."""
        if self.path is not None:
            return self.path
        path = state_directory() / "keys" / f"{hashlib.sha256(self.blob).hexdigest()}.pub"
        path.parent.mkdir(exist_ok=True)
        size = int.from_bytes(self.blob[:4])
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(f"{self.blob[4 : 4 + size].decode()} {base64.b64encode(self.blob).decode()}\n")
        new.replace(path)
        return path


def public_half(path: Path) -> bytes | None:
    """The public half of the key in a file: a public key, a private key beside its `.pub`, or OpenSSH's own format."""
    for file in (path, path.with_name(f"{path.name}.pub")):
        try:
            blob = _parsed(file.read_bytes())
        except OSError:
            continue
        if blob:
            return blob
    return None


def _parsed(content: bytes) -> bytes | None:
    if content.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----"):
        return _of_private(b"".join(content.split(b"\n")[1:-1]).split(b"-----")[0])
    fields = content.split(None, 2)
    return _decoded(fields[1]) if len(fields) > 1 else None


def _decoded(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _of_private(text: bytes) -> bytes | None:
    """OpenSSH's format has the public half in clear: after cipher, kdf, its options, and the number of keys."""
    content = _decoded(text) or b""
    if not content.startswith(MAGIC):
        return None
    rest = content[len(MAGIC) :]
    for _ in range(3):
        rest = rest[4 + int.from_bytes(rest[:4]) :]
    return rest[8 : 8 + int.from_bytes(rest[4:8])]


def in_order(
    agent: list[Identity], files: list[Identity], operators: set[bytes], *, only_files: bool
) -> list[Identity]:
    """Return the keys as OpenSSH offers them, those of `operators/` first: no other key opens a converged host.

    Args:
        agent: keys that the agent has.
        files: keys that ssh_config names, in its order; without a path when only the public half is there.
        operators: public halves of the keys in operators/.
        only_files: ssh_config says IdentitiesOnly.
    """
    held = {key.blob: key for key in agent}
    named = [key.blob for key in files]
    keys = [held[blob] for blob in dict.fromkeys(named) if blob in held]
    keys += [key for key in agent if key.blob not in named and not only_files]
    keys += [key for key in files if key.blob not in held and key.path]
    return sorted(keys, key=lambda key: key.blob not in operators)


def offered(route: Route) -> list[Identity]:
    """Return the keys that this operator has for a host, in the order in which they are offered."""
    files = [
        Identity(blob, str(path), None if path.suffix == ".pub" else path)
        for path in route.identity_files
        if path.is_file() and (blob := public_half(path))
    ]
    try:
        operators = {blob for line in operator_keys() if (blob := _parsed(line.encode()))}
    except OperatorError:
        operators = set()
    return in_order(_of_agent(route.agent), files, operators, only_files=route.identities_only)


def _of_agent(path: str) -> list[Identity]:
    """The agent's keys, by a connection of their own: hosts are entered side by side, and each signs by itself."""
    from paramiko import SSHException
    from paramiko.agent import AgentSSH

    if not path:
        return []
    agent: Any = AgentSSH()
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(AGENT_SECONDS)
    try:
        connection.connect(path)
        agent._connect(connection)  # paramiko's own Agent knows SSH_AUTH_SOCK only
    except (OSError, SSHException):
        return []
    return [Identity(key.blob, key.comment or "a key of the agent", None, key) for key in agent.get_keys()]
