"""What the kernel counts inside a container's own network: datagrams that it dropped, open connections at a port."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")
_ESTABLISHED = "01"


def udp_drops(process: int) -> int:
    """Datagrams that found the buffer of their socket full, since the container started.

    Args:
        process: the container's first, as the host counts.

    Raises:
        OSError: it has ended.
    """
    lines = [
        line.split()
        for line in (PROC / str(process) / "net" / "snmp").read_text("utf-8").splitlines()
        if line.startswith("Udp:")
    ]
    return int(dict(zip(*lines[:2], strict=True))["RcvbufErrors"])


def connections(process: int, port: int) -> int:
    """Open TCP connections to a port of a container.

    Args:
        process: the container's first, as the host counts.
        port: where it listens.

    Raises:
        OSError: it has ended.
    """
    local, count = f":{port:04X}", 0
    for name in ("tcp", "tcp6"):
        for line in (PROC / str(process) / "net" / name).read_text("utf-8").splitlines()[1:]:
            fields = line.split()
            count += fields[1].endswith(local) and fields[3] == _ESTABLISHED
    return count
