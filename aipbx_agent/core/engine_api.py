"""Docker Engine's API over its socket: for what Docker's command line does not say, or says for people only."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from aipbx_agent.core.errors import Failed

SOCKET = "/run/docker.sock"
# The oldest that Docker 29 speaks.
API = "/v1.44"
SECONDS = 120


class _Engine(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def ask(method: str, path: str, about: str) -> Any:
    """Return what Docker answers, read as JSON.

    Args:
        path: behind the API's version, its query included.
        about: what is asked for, for the message.

    Raises:
        Failed: it does not answer, or not with that.
    """
    engine = _Engine("docker", timeout=SECONDS)
    try:
        engine.request(method, API + path)
        answer = engine.getresponse()
        text = answer.read().decode(errors="replace")
        if answer.status == http.client.OK:
            return json.loads(text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(about, str(error)) from None
    finally:
        engine.close()
    raise _failed(about, _message(text))


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()


def _failed(about: str, why: str) -> Failed:
    return Failed(f"Docker does not report {about}.", why, "systemctl status docker")
