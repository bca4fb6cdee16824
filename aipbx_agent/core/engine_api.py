"""Docker Engine's API over its socket: for what Docker's command line does not say, says for people, or keeps in files.

A registry's password goes along in a header of one request: no file, no command line and no log has it.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from collections.abc import Generator
from typing import Any
from urllib.parse import urlencode

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


def login(user: str, password: str) -> dict[str, str]:
    """Return the header by which Docker logs in to a registry for one request; without a password: none."""
    if not password:
        return {}
    text = json.dumps({"username": user, "password": password})
    return {"X-Registry-Auth": base64.urlsafe_b64encode(text.encode()).decode()}


def ask(method: str, path: str, about: str, headers: dict[str, str] | None = None) -> Any:
    """Return what Docker answers, read as JSON.

    Args:
        path: behind the API's version, its query included.
        about: what is asked for, for the message.
        headers: more of them.

    Raises:
        Failed: it does not answer, or not with that.
    """
    engine = _Engine("docker", timeout=SECONDS)
    try:
        engine.request(method, API + path, headers=headers or {})
        answer = engine.getresponse()
        text = answer.read().decode(errors="replace")
        if answer.status == http.client.OK:
            return json.loads(text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(about, str(error)) from None
    finally:
        engine.close()
    raise _failed(about, _message(text))


def pull(repository: str, tag: str, headers: dict[str, str], seconds: float) -> Generator[tuple[int, int], None, None]:
    """Pull an image; Docker ends that when this process is gone.

    Args:
        repository: the registry's name included.
        tag: or a digest.
        headers: of `login`.
        seconds: the deadline.

    Yields: how many bytes of it have come, and how many it has as far as is known.

    Raises:
        Failed: the registry does not give it, or not in time; `why` has Docker's words.
    """
    about, end = f"the image {repository} {tag}", time.monotonic() + seconds
    engine = _Engine("docker", timeout=SECONDS)
    try:
        engine.request(
            "POST", f"{API}/images/create?{urlencode({'fromImage': repository, 'tag': tag})}", headers=headers
        )
        answer = engine.getresponse()
        if answer.status != http.client.OK:
            raise _failed(about, _message(answer.read().decode(errors="replace")))
        layers: dict[str, tuple[int, int]] = {}
        for line in answer:
            yield _progressed(about, json.loads(line), layers)
            if time.monotonic() > end:
                raise _failed(about, f"The pull did not end within {seconds:.0f} s.")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(about, str(error)) from None
    finally:
        engine.close()


def _progressed(about: str, event: dict[str, Any], layers: dict[str, tuple[int, int]]) -> tuple[int, int]:
    if "error" in event:
        raise _failed(about, str(event["error"]))
    detail = event.get("progressDetail") or {}
    if event.get("status") == "Downloading" and "total" in detail:
        layers[event["id"]] = (detail["current"], detail["total"])
    return sum(done for done, _ in layers.values()), sum(total for _, total in layers.values())


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()


def _failed(about: str, why: str) -> Failed:
    return Failed(f"Docker does not report {about}.", why, "systemctl status docker")
