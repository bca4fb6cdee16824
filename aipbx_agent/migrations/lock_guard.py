"""A second session that sees to it that a migration waits for a lock no longer than it may.

lock_timeout does so as long as nothing in the file changes it; SQL that a file makes when it runs can. So a session
beside it checks what the server says of waiting, and ends the migration's.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aipbx_agent.databases.postgres.client import PSQL
from aipbx_agent.databases.postgres.engine import Postgres

# The lock that a migration's transaction holds to its end and cannot give back: so its process is known.
KEY = 7220612
HOLD = f"SELECT pg_catalog.pg_advisory_xact_lock({KEY})"
# The server's word when that session is ended.
ENDED = "terminating connection due to administrator command"
# Seconds beyond lock_timeout, which is the first to act wherever it still holds; seconds from one look to the next.
MARGIN_SECONDS = 1.0
LOOK_SECONDS = 0.5
_WAITS_TOO_LONG = f"""
SELECT pg_terminate_backend(w.pid) FROM pg_locks w JOIN pg_locks ours USING (pid)
WHERE ours.locktype = 'advisory' AND ours.objid = {KEY} AND ours.granted
  AND ours.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND NOT w.granted AND w.waitstart < clock_timestamp() - interval '{{seconds}} s';
"""


@contextmanager
def watching(server: Postgres, database: str, seconds: float) -> Iterator[None]:
    """End a migration's session once it has waited for a lock too long.

    Args:
        server: the live one.
        seconds: its lock_timeout.
    """
    over = threading.Event()
    # When this process dies, its end of the pipe is closed, and psql ends.
    with subprocess.Popen(
        server.client("psql", *PSQL, "--dbname", database),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as session:
        question = _WAITS_TOO_LONG.format(seconds=f"{seconds + MARGIN_SECONDS:g}").encode()
        looker = threading.Thread(target=_look, args=(session, question, over), daemon=True)
        looker.start()
        try:
            yield
        finally:
            over.set()
            looker.join()
            session.communicate()


def _look(session: subprocess.Popen[bytes], question: bytes, over: threading.Event) -> None:
    assert session.stdin is not None  # noqa: S101  a pipe
    while not over.wait(LOOK_SECONDS):
        try:
            session.stdin.write(question)
            session.stdin.flush()
        except OSError:
            return  # the server is gone, and with it the migration's session
