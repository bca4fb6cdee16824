"""What this package needs of a host, and the environment that a host has."""

from __future__ import annotations

import shlex
from typing import Protocol

from aipbx_agent.contract import ENVIRONMENT, HOST_ENVIRONMENT
from fleet.env.host import rendering
from fleet.env.host.rendering import Environments

TIMEOUT_SECONDS = 30.0


class Remote(Protocol):
    """A host on which commands run as root."""

    @property
    def name(self) -> str:
        """As in the inventory."""

    def sudo_output(self, command: str, timeout: float) -> str:
        """Run a command as root and return what it printed; OperatorError when it cannot be run, or fails."""

    def put_root_file(self, path: str, content: bytes, mode: str) -> None:
        """Write a file of root's, aside and renamed; its content travels over stdin, never on a command line."""


def path_on_host(app_dir: str, name: str = ENVIRONMENT) -> str:
    """Return where an environment stands on a host."""
    return f"{app_dir}/{name}"


def current(remote: Remote, app_dir: str) -> Environments | None:
    """Return the environments that a host has, its own included; None when nothing was pushed to it yet.

    Args:
        app_dir: its directory of the application.

    Raises:
        OperatorError: the host cannot be asked, is not converged, or its file is damaged.
    """
    content = _content(remote, app_dir, ENVIRONMENT)
    if not content:
        return None
    own = _content(remote, app_dir, HOST_ENVIRONMENT)
    where = f"{remote.name}:{path_on_host(app_dir, HOST_ENVIRONMENT)}"
    host = {rendering.HOST: rendering.parse_host(own, where)} if own else {}
    return rendering.parse(content, f"{remote.name}:{path_on_host(app_dir)}") | host


def _content(remote: Remote, app_dir: str, name: str) -> bytes:
    # One command without shell syntax: nothing is printed when there is no file, and it fails when there is no folder.
    command = f"find {shlex.quote(app_dir)} -maxdepth 1 -name {name} -exec cat {{}} +"
    return remote.sudo_output(command, TIMEOUT_SECONDS).encode()
