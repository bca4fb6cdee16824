"""Ports of this machine, on which something of a host is brought here."""

from __future__ import annotations

import socket

from fleet.errors import OperatorError


def refuse_invalid(number: int, again: str) -> None:
    """Refuse a number that no port has; 0 stands for the usual one.

    Args:
        number: the one that was asked for.
        again: the command that the operator typed, without --local.

    Raises:
        OperatorError: it is none.
    """
    if not 0 <= number <= 65535:
        raise OperatorError(f"{number} is not a valid port.", "Ports are 1 to 65535.", f"{again} --local=15432")


def free(port: int, again: str) -> int:
    """Return a port of this machine when it can be listened on.

    Args:
        port: the one that was asked for.
        again: the command that the operator typed, without --local.

    Raises:
        OperatorError: it is taken.
    """
    if _is_free(port):
        return port
    other = next((number for number in range(port + 10000, 65536) if _is_free(number)), 0)
    raise OperatorError(
        f"Port {port} is taken on this machine.",
        "Another program listens on it, or only root may (below 1024).",
        f"{again} --local={other}" if other else "Give another one by --local.",
    )


def _is_free(port: int) -> bool:
    """Return whether a port of 127.0.0.1 can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
