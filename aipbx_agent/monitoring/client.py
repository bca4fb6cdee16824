"""Alertmanager and Prometheus of this host, asked over HTTP in their own network."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused

SECONDS = 5


def ask(config: Config, container: str, path: str, content: object = None, *, method: str = "") -> Any:
    """Ask one of them, and return its answer.

    Args:
        container: prometheus or alertmanager.
        path: as `/api/v2/alerts`.
        content: what is posted, as JSON; None: nothing.
        method: another one than GET, or POST with content.

    Raises:
        Refused: this host has no monitoring.
        Failed: it does not answer.
    """
    endpoint = config.raw.get("monitoring", {}).get(container)
    if not endpoint:
        raise Refused(
            f"{config.host} has no monitoring.",
            "`monitoring` is off in its data, or it was not converged since.",
            f"pyinfra inventory.py deploys/bootstrap.py --limit {config.host}",
        )
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(
        f"http://{endpoint}{path}", body, {"Content-Type": "application/json"}, method=method or None
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  http, always
            return json.loads(answer.read() or b"null")
    except (OSError, ValueError, http.client.HTTPException) as problem:
        why = problem.reason if isinstance(problem, urllib.error.URLError) else problem
        raise Failed(
            f"{container} of {config.host} does not answer.",
            str(why) or type(problem).__name__,
            "On the host: systemctl status aipbx-monitoring; docker ps",
        ) from None
