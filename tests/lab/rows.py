"""Someone writes rows to the live database all the while, and notes each that the server acknowledged.

On the host, so that what was acknowledged outlives every container; by Docker's own program, so that no fault meets it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from lab.machines.host import Host
from tests.lab import content

ACKNOWLEDGED = "/var/tmp/acknowledged"  # noqa: S108  of a story's host
WRITER = "story-writer"
INSERT = "INSERT INTO story_written VALUES (gen_random_uuid()) RETURNING id;"
# One session as long as the server lets it live: a new one for each row would take half a processor.
WRITES = (
    f"while sleep 0.1; do while sleep 0.1; do echo '{INSERT}'; done | "
    "/usr/bin/docker exec -i aipbx-postgres-1 psql -qAt -U aipbx_admin -d aipbx_production 2>&-; done"
)


def write(server: Host) -> None:
    """Write from now on; a writer does not survive a host that goes down."""
    server.run(f"systemd-run --quiet --unit={WRITER} sh -c {shlex.quote(f'{WRITES} >>{ACKNOWLEDGED}')}")


@contextmanager
def written(server: Host) -> Iterator[None]:
    """Someone writes within this block."""
    content.psql(server, "CREATE TABLE story_written (id uuid)")
    server.run(f"rm -f {ACKNOWLEDGED}")
    write(server)
    try:
        yield
    finally:
        server.run(f"systemctl stop {WRITER}", check=False)
        content.psql(server, "DROP TABLE story_written")


def lost(server: Host, *databases: str) -> set[str]:
    """What the server had acknowledged and none of these databases holds."""
    # Docker's own errors come with what the server said.
    acknowledged = re.findall(r"^[0-9a-f-]{36}$", server.run(f"cat {ACKNOWLEDGED}").stdout, re.MULTILINE)
    assert acknowledged, "no row was acknowledged"
    there = [content.psql(server, "SELECT id FROM story_written", database=one) for one in databases]
    return set(acknowledged) - set("\n".join(there).split())


def forget(server: Host) -> None:
    """Count from here on: some of what was acknowledged went with a database that was deleted on purpose."""
    server.run(f": >{ACKNOWLEDGED}")
