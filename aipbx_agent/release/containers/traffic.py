"""What goes through a colour at a moment: RTP flows from outside, requests that nginx handed on."""

from __future__ import annotations

from pathlib import Path

from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.process import run


def flows(port: int) -> int:
    """Return how many RTP flows are live at a UDP port of this host.

    The kernel forgets one 30 s after its last packet, one that was answered from the same socket after 120 s.
    """
    argv = ["conntrack", "-L", "-p", "udp", "--orig-port-dst", str(port)]
    return len(run(argv, seconds=SECONDS).decode(errors="replace").splitlines())


def forget(port: int) -> None:
    """Have the kernel forget where packets for a UDP port went until now; 1 says that there were none."""
    run(["conntrack", "-D", "-p", "udp", "--orig-port-dst", str(port)], seconds=SECONDS, fine=(0, 1))


def requests(process: int, port: int) -> int:
    """Return how many requests a container is at: nginx opens a connection for each, and closes it with the answer.

    Args:
        process: the container's first, as the host counts; 0, or one that has ended, is at none.
        port: where it listens.
    """
    argv = ["nsenter", "--target", str(process), "--net", "ss", "-Htn", "state", "established"]
    try:
        return len(run([*argv, f"( sport = :{port} )"], seconds=SECONDS).splitlines())
    except AgentError:
        if Path(f"/proc/{process}").exists():
            raise
        return 0
