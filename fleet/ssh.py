"""What pyinfra's and Fabric's SSH connections share: a fast socket, known hosts only, and clear refusals."""

from __future__ import annotations

import os
import socket
from typing import Any

from paramiko import BadHostKeyException

from fleet.access import ssh_config_path
from fleet.errors import OperatorError

CONNECT_SECONDS = 10
# A pulled cable is noticed after this long: the kernel gives up on data that nobody acknowledged.
DEAD_AFTER_MILLISECONDS = 30_000
KEEPALIVE_SECONDS = 10


def make_responsive(sock: Any) -> None:
    """Send small packets at once (49 ms → 5 ms a command, shared/facts) and notice a dead line.

    A proxied connection (ProxyJump) has no socket of its own, so there is nothing to set.
    """
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MILLISECONDS)


def refused_key(host: str, accounts: list[str]) -> OperatorError:
    """The refusal of an operator whose key opens none of these accounts."""
    return OperatorError(
        f"{host} refused the key for every account tried ({', '.join(accounts)}).",
        "It answers, and its host key is the known one, but none of your keys opens an account.",
        f"Check IdentityFile in {ssh_config_path()} and `ssh-add -l` (with more than five keys in the agent, name "
        "one there); a converged host accepts the keys that stood in operators/ at its last run.",
    )


def unreachable(host: str, error: Exception) -> OperatorError:
    """Why a connection to `host` failed, and what to do, told from paramiko's or the system's error."""
    config = ssh_config_path()
    if isinstance(error, BadHostKeyException):
        return OperatorError(
            f"{host} shows another host key than the known one.",
            "Either the server was reinstalled, or somebody stands between you and it. Nothing was sent.",
            f"Compare with the provider's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); only then "
            f"`ssh-keygen -R {error.hostname}` and add the new key to known_hosts.",
        )
    if isinstance(error, socket.gaierror):
        return OperatorError(
            f"{host} cannot be found.",
            f"Its name does not resolve ({error.strerror}).",
            f"Check the name, DNS, and the HostName for {host} in {config}.",
        )
    if "found in known_hosts" in str(error):
        return OperatorError(
            f"{host}'s host key is not known here.",
            "An unknown key is never accepted: the first connection is when a man in the middle would strike.",
            f"ssh-keyscan {host}, compare with the provider's console, then add the line to known_hosts.",
        )
    if isinstance(error, (TimeoutError, ConnectionError, OSError)):
        return OperatorError(
            f"{host} does not answer on its SSH port.",
            f"{error.strerror or error or 'timed out'} within {CONNECT_SECONDS} s.",
            f"Is it up (provider's console)? Is the HostName in {config} right? Does a firewall drop 22, or has "
            "fail2ban banned this address (on the console: fail2ban-client unban --all)?",
        )
    return OperatorError(
        f"{host}: the SSH connection failed.",
        str(error) or type(error).__name__,
        f"Try `ssh -v -F {config} {host}` and read where it stops.",
    )


def command(host: str, account: str, remote: str, *options: str) -> list[str]:
    """The command line of the system's ssh, which does terminals, long streams and tunnels better than paramiko.

    Args:
        host: its name in ssh_config.
        account: the user to log in as.
        remote: what runs there; empty: nothing.
        options: more of ssh's, before the host.
    """
    words = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    words += ["-o", f"ServerAliveInterval={KEEPALIVE_SECONDS}", "-o", "ServerAliveCountMax=3"]
    if os.environ.get("AIPBX_SSH_CONFIG"):
        words += ["-F", str(ssh_config_path())]
    return [*words, "-l", account, *options, host, *([remote] if remote else [])]
