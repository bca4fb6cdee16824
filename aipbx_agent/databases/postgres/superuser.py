"""PostgreSQL's superuser: what it is called, and by which number the server knows it."""

from __future__ import annotations

from aipbx_agent.contract import ADMIN
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.process import run

# The superuser that a server is born with keeps this number, whatever its name.
BOOTSTRAP = 10
# Objects below this number come with the server.
FIRST_NUMBER = 16384
SECONDS = 60


def superuser(container: str, role: str) -> str:
    """Return the name of a server's superuser: ADMIN, but where no deploy has come since there is one.

    Args:
        container: the server's.
        role: the application's, which can be asked there.
    """
    sql = f"SELECT rolname FROM pg_roles WHERE oid = {BOOTSTRAP}"
    for user in (ADMIN, role):
        argv = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username", user]
        try:
            return (
                run(["docker", "exec", container, *argv, "--dbname", "postgres", "--command", sql], seconds=SECONDS)
                .decode()
                .strip()
            )
        except AgentError as problem:
            if "does not exist" not in problem.why:
                break
    return ADMIN
