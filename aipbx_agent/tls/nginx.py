"""nginx as a server of certificates: which one it hands out, and how it reads another."""

from __future__ import annotations

import hashlib
import re

from aipbx_agent.contract import NGINX
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.process import attempt, run

SECONDS = 10
# It waits itself until nginx has read what is in place.
RELOAD_SECONDS = 120
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


def served(host: str) -> str:
    """Return the hash of the chain that nginx hands out for a name; empty when it hands out none."""
    argv = ["openssl", "s_client", "-connect", "127.0.0.1:443", "-servername", host, "-showcerts"]
    try:
        _, text = attempt(argv, seconds=SECONDS)
    except AgentError:
        return ""
    chain = "".join(_CERTIFICATE.findall(text))
    return hashlib.sha256(chain.encode()).hexdigest() if chain else ""


def reload() -> None:
    """Have nginx test and read what is in place, if it runs.

    Raises:
        Failed: it does not take it.
    """
    run([NGINX, "reload"], seconds=RELOAD_SECONDS)


def running() -> bool:
    """Return whether it runs."""
    return attempt([NGINX, "running"], seconds=SECONDS)[0] == 0
