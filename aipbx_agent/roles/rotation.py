"""A rotation of the database's password that was cut off, after its operator's machine or this host went down.

While it is under way, rules for logins let the backend's address in without a password. After a boot, another container
may have that address. So this way in is closed: the password of the backend that serves counts, for the role and in
environment.json. The mark stays: the next `inv db.rotate-password` completes what was begun.
"""

from __future__ import annotations

import json
import os

from aipbx_agent.contract import ENVIRONMENT, ROTATION_MARK
from aipbx_agent.core import docker, events, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import run
from aipbx_agent.release.containers import colours
from aipbx_agent.roles import access_rules, declare

NAME = "DB_PASS"


def close(config: Config) -> bool:
    """Close the way in that a rotation left open, unless one is under way.

    Returns: whether there was one.

    Raises:
        AgentError: it is still open.
    """
    backend = colours.present(config, colours.active(config, "backend"))
    if config.dialect != "postgres" or not backend or os.path.lexists(config.app / "lock"):
        return False
    server = declare.live(config)
    path = server.psql("SHOW hba_file")[0]
    lines = access_rules.read(server, path).splitlines()
    marked = [line for line in lines if line.endswith(ROTATION_MARK)]
    if all(line == ROTATION_MARK for line in marked):
        if marked:  # anyone who closed it may have been killed before the server read that
            server.psql("SELECT pg_reload_conf()")
        return False
    with events.step("way in without a password closed"):
        now = password(backend)
        declare.set_password(server, config.role, now)
        _declare(config, now)
        others = [line for line in lines if not line.endswith(ROTATION_MARK)]
        access_rules.write(server, path, "".join(f"{line}\n" for line in (ROTATION_MARK, *others)))
    return True


def password(backend: str) -> str:
    """Return the database password that a backend's container has."""
    environment = run(["docker", "inspect", "--format", "{{json .Config.Env}}", backend], seconds=docker.SECONDS)
    variables: dict[str, str] = dict(word.partition("=")[::2] for word in json.loads(environment))
    return variables[NAME]


def _declare(config: Config, now: str) -> None:
    """Let the next backend have the password that the database has."""
    path = config.app / ENVIRONMENT
    environment = files.read_json(path)
    variables, doubled = environment["services"]["backend"]["environment"], now.replace("$", "$$")
    if variables[NAME] != doubled:
        variables[NAME] = doubled
        files.write_json(path, environment)
