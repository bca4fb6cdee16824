"""Runs on a host, on its own Python: writes as the application does, until someone makes the file STOP.

A file comes before the row that names it, and goes after it. Prints how many rows it wrote.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from pathlib import Path
from subprocess import PIPE, Popen

STOP = Path("/tmp/stop-writing")  # noqa: S108  of a story's host
LIVES_SECONDS = 3
PSQL = ("docker", "exec", "-i", "aipbx-postgres-1", "psql", "-qAt", "-U", "aipbx_admin", "-d", "aipbx_production")


def write(folder: Path) -> int:
    """Write files to a folder of the volume, and their names to the table of_files."""
    there: deque[tuple[float, Path]] = deque()
    written = 0
    with Popen(PSQL, stdin=PIPE, stdout=PIPE, text=True) as psql:
        if psql.stdin is None or psql.stdout is None:
            raise AssertionError

        def done(sql: str) -> None:
            print(f"{sql}; SELECT 1;", file=psql.stdin, flush=True)
            if psql.stdout and psql.stdout.readline() != "1\n":
                sys.exit("the database is gone")

        while not STOP.exists():
            file = folder / str(written)
            file.write_text("paid")
            done(f"INSERT INTO of_files VALUES ('{written}')")  # noqa: S608  our own number
            there.append((time.monotonic(), file))
            written += 1
            while there and there[0][0] < time.monotonic() - LIVES_SECONDS:
                _, old = there.popleft()
                done(f"DELETE FROM of_files WHERE name = '{old.name}'")  # noqa: S608
                old.unlink()
        psql.stdin.close()
    return written


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
