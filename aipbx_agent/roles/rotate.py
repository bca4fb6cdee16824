"""`aipbx-agent rotate`: the steps of a rotation of the database's password that happen on this host, one a call.

Which one, and what it needs, comes over standard input, as there may be a password in it (fleet/database/rotation.py).
While the password changes, what runs must get in with the old one: by its address, by lines in pg_hba.conf that name
the address and nothing else. As long as one of these lines is there, a rotation is under way, or was cut off.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from aipbx_agent.contract import ROTATION_MARK
from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import attempt, run
from aipbx_agent.databases.quoting import identifier
from aipbx_agent.release.containers import colours
from aipbx_agent.roles import access_rules, declare, rotation

# Over the network: on its own socket and on 127.0.0.1 the server asks for no password.
LOGIN = (
    "IFS= read -r PGPASSWORD; export PGPASSWORD; for address in $(hostname -i); do break; done; "
    'exec psql --no-psqlrc -qAt -h "$address" -U "$1" -d "$2" -c "SELECT 1"'
)


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads them from standard input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Do one step, and report what came of it."""
    request = json.load(sys.stdin)
    events.result(**_STEPS[request.pop("step")](config, **request))


def _look(config: Config) -> dict[str, Any]:
    """Whether one is under way; addresses and password of each backend that runs: there may be one of each colour."""
    _, lines = _rules(config)
    names = [f"backend-{colour}" for colour in (colours.BLUE, colours.GREEN)]
    running = [
        container for name in names if (container := colours.present(config, name)) and docker.running(container)
    ]
    backends = [{"addresses": _addresses(container), "password": rotation.password(container)} for container in running]
    return {"under_way": any(line.endswith(ROTATION_MARK) for line in lines), "backends": backends}


def _let_in(config: Config, addresses: list[str]) -> dict[str, Any]:
    """Let the application's role in from these addresses without a password; none: only mark that it is under way."""
    into = f"{identifier(config.database)} {identifier(config.role)}"
    marked = [f"host {into} {address}/32 trust {ROTATION_MARK}" for address in addresses]
    return _write(config, marked or [ROTATION_MARK])


def _shut_out(config: Config) -> dict[str, Any]:
    return _write(config, [])


def _set(config: Config, password: str) -> dict[str, Any]:
    declare.set_password(declare.live(config), config.role, password)
    return {}


def _login(config: Config, password: str) -> dict[str, Any]:
    """Return whether a password opens the database."""
    argv = ["docker", "exec", "--interactive", declare.live(config).container, "sh", "-c", LOGIN, "sh"]
    code, _ = attempt([*argv, config.role, config.database], seconds=docker.SECONDS, stdin=f"{password}\n".encode())
    return {"opens": code == 0}


_STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "look": _look,
    "let in": _let_in,
    "set": _set,
    "shut out": _shut_out,
    "login": _login,
}


def _addresses(container: str) -> list[str]:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return run(["docker", "inspect", "--format", form, container], seconds=docker.SECONDS).decode().split()


def _rules(config: Config) -> tuple[str, list[str]]:
    """Return the path of the rules for logins, and their lines."""
    server = declare.live(config)
    path = server.psql("SHOW hba_file")[0]
    return path, access_rules.read(server, path).splitlines()


def _write(config: Config, marked: list[str]) -> dict[str, Any]:
    """Put the lines of a rotation before the others, in place of those that are there."""
    path, lines = _rules(config)
    others = [line for line in lines if not line.endswith(ROTATION_MARK)]
    access_rules.write(declare.live(config), path, "".join(f"{line}\n" for line in (*marked, *others)))
    return {}
