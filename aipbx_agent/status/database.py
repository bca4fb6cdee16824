"""What is left to do at the live database: migrations of the release that runs, a rotation that was cut off."""

from __future__ import annotations

from pathlib import Path

from aipbx_agent.contract import FIRST_START, IMAGES, POSTGRES_DATA, ROTATION_MARK, UNKNOWN
from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.process import run
from aipbx_agent.migrations import due, ledger


def unapplied(config: Config) -> str:
    """How many of the running release's files the database has not seen.

    Or FIRST_START, when a new database has not come to the end of it, or UNKNOWN, when the ledger does not know the
    release; empty where there is no ledger or no database.
    """
    try:
        server = due.live(config) if config.services and config.dialect == "postgres" else None
        if server is None:
            return ""
        release = _release(config)
        seen = ledger.summary(server, config.database, release)
    except AgentError:
        return ""
    if seen.in_first_start:
        return FIRST_START
    if seen.names is None or not release:
        return ""
    return UNKNOWN if seen.known is None else str(len(set(seen.known) - set(seen.names)))


def _release(config: Config) -> str:
    """The backend's SHA that images.env names."""
    try:
        lines = (config.app / IMAGES).read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.rpartition(":")[2] for line in lines if line.startswith("BACKEND_IMAGE=")), "")


def rotation(config: Config) -> str:
    """`open` while a rotation's lines let someone in, `closed` where only its mark is left; no server need run."""
    try:
        container = docker.container(config.project, "postgres", running=False)
        form = f'{{{{range .Mounts}}}}{{{{if eq .Destination "{POSTGRES_DATA}"}}}}{{{{.Source}}}}{{{{end}}}}{{{{end}}}}'
        source = run(["docker", "inspect", "--format", form, container], seconds=docker.SECONDS).decode().strip()
        lines = Path(source, "pg_hba.conf").read_text("utf-8", errors="replace").splitlines()
    except (AgentError, OSError):
        return ""
    if any(line.endswith(f"trust {ROTATION_MARK}") for line in lines):
        return "open"
    return "closed" if ROTATION_MARK in lines else ""
