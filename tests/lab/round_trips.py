"""Commands that operators' verbs send to a host over SSH, as the host's sudo recorded them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.machines.host import Host

# How fleet/remote.py runs every command; pyinfra's dry run, which asks for drift, calls sudo in its own way.
OURS = "COMMAND=/usr/bin/timeout --kill-after="
# Not counted: an image that is brought, and a run of the agent that streams its events (`prepare`, `switch`).
APART = ("docker pull ", " --detached ")


@contextmanager
def counted(server: Host) -> Iterator[list[str]]:
    """The commands that a host is given within this block, but for those apart; filled in at its end."""
    begin = server.run("journalctl --sync; journalctl -q -n 1 --show-cursor | sed -n 's/^-- cursor: //p'").stdout
    commands: list[str] = []
    yield commands
    said = server.run(f"journalctl --sync; journalctl -q -t sudo -o cat --after-cursor='{begin.strip()}'").stdout
    ours = [line.partition(OURS)[2] for line in said.splitlines() if OURS in line]
    commands += [line for line in ours if not any(word in line for word in APART)]


def shown(commands: list[str]) -> str:
    """The same for a person who asks why there are so many."""
    return "\n".join(f"{number:3} {line[:200]}" for number, line in enumerate(commands, 1))
