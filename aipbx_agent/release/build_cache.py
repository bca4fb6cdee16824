"""Docker's build cache: what builds on this host have left, and how much of it stays for the next one.

Asked of the Engine's API: the command line prints sizes as `8.1GB`, and its option for what stays has had three names.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from aipbx_agent.core.errors import Failed

# Dependencies of both images, with npm's and apt's own caches: one build of each has left 2 GB.
KEPT = 4 << 30
SOCKET = "/run/docker.sock"
# The oldest that Docker 29 speaks.
_API = "/v1.44"
_SECONDS = 120


class _Engine(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def size() -> int:
    """Return its bytes, those left out that images have too.

    Raises:
        Failed: Docker does not answer.
    """
    cache = _ask("GET", "/system/df?type=build-cache")["BuildCache"] or []
    return sum(one["Size"] for one in cache if not one["Shared"])


def prune() -> None:
    """Delete the parts of it that were not used for longest, down to `KEPT`.

    Raises:
        Failed: Docker does not answer.
    """
    _ask("POST", f"/build/prune?all=true&keep-storage={KEPT}")


def _ask(method: str, path: str) -> Any:
    engine = _Engine("docker", timeout=_SECONDS)
    try:
        engine.request(method, _API + path)
        answer = engine.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise _failed(str(error)) from None
    finally:
        engine.close()
    if answer.status != http.client.OK:
        raise _failed(text.strip())
    return json.loads(text)


def _failed(why: str) -> Failed:
    return Failed("Docker does not report its build cache.", why, "systemctl status docker")
