"""What holds of a deployed server after any accident: one release serves, nothing is left over, and no row is lost."""

from __future__ import annotations

from lab import wait
from lab.machines.host import Host
from tests.lab import content, rows
from tests.lab.application import BACKEND
from tests.lab.inv_run import Inv
from tests.lab.web import Web

HEAD, OLDER = BACKEND["fourth"], BACKEND["third"]
LIVE = "aipbx_production"
SETTLED = (
    '[ -z "$(docker ps --quiet --filter health=starting --filter health=unhealthy)" ] && '
    '[ "$(docker ps --quiet --filter health=healthy | wc -l)" = 4 ]'
)
LEFT = (
    "ls -d /app/aipbx/lock /app/aipbx/switch.json /app/aipbx/images.env.switch /app/aipbx/images.env.staged "
    "/app/aipbx/maintenance/on /app/aipbx/backups/swap.json /run/aipbx-agent-* 2>/dev/null"
)


def well(server: Host) -> None:
    """Assert that everything runs, nothing is left over, and no acknowledged row is missing."""
    wait.until(lambda: server.run(SETTLED, check=False).returncode == 0, 120, "all is healthy", "docker ps there")
    # What is killed is started again by systemd: until then no one can look, and Docker resolves no name.
    there = "docker exec aipbx-postgres-1 true"
    wait.until(lambda: server.run(there, check=False).returncode == 0, 60, "one can look", "docker ps there")
    prices = "/api/prices/public"
    wait.until(lambda: Web(server)(prices).status == 200, 30, "the site answers", "inv logs nginx")
    assert rows.lost(server, LIVE) == set()
    assert server.run(LEFT, check=False).stdout == ""
    names = "SELECT datname FROM pg_database WHERE datname LIKE 'aipbx%'"
    assert content.psql(server, names) == f"{LIVE}\n"


def serves(server: Host) -> str:
    """Return the commit of the backend that serves."""
    return str(Web(server)("/api/version").json["sha"])


def other(server: Host) -> str:
    """Return a commit of the backend that does not serve."""
    return OLDER if serves(server) == HEAD else HEAD


def deploy(server: Host, sha: str) -> list[str]:
    """Return the words of a deploy of a backend."""
    return ["deploy", f"--host={server.name}", f"--sha={sha}", "--service=backend", "--yes"]


def at_last(inv: Inv, server: Host, sha: str) -> None:
    """Assert that the next deploy works, whatever the one before met."""
    inv(*deploy(server, sha)).succeeded()
    well(server)
    assert serves(server) == sha
