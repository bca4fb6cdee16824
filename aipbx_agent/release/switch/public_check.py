"""The host's public name over TLS, asked as a visitor asks it."""

from __future__ import annotations

import time

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.core.process import run

# nginx asks Docker's DNS again after at most 5 s (templates/nginx); a certificate needs a moment to be loaded.
SECONDS = 45
_CURL = ("curl", "--silent", "--show-error", "--max-time", "15", "--output", "/dev/null", "--dump-header", "-")
# On every page of nginx's own (files/nginx/pages.conf), its limit's among them; never on an answer of the application.
_OWN_PAGE = "x-answered-by: proxy"


def check(config: Config) -> None:
    """Ask until every answer is as declared (`public_checks`).

    Raises:
        Failed: what it answered instead.
    """
    end = time.monotonic() + SECONDS
    while wrong := [problem for expected in config.raw["public_checks"] if (problem := _wrong(config, expected))]:
        if time.monotonic() > end:
            raise Failed(
                f"https://{config.host} does not answer as it should.",
                "; ".join(wrong),
                f"inv logs nginx --host={config.host}; inv tls.status --host={config.host}",
            )
        time.sleep(1)


def _wrong(config: Config, check: dict[str, object]) -> str:
    url = f"https://{config.host}{check['path']}"
    try:
        output = run([*_CURL, "--write-out", "%{http_code} %{content_type}", url], seconds=30).decode(errors="replace")
    except AgentError as problem:
        return f"{check['path']}: {problem.why}"
    *headers, last = output.splitlines() or [""]
    own_page = any(line.strip().lower() == _OWN_PAGE for line in headers)
    status, _, content_type = last.strip().partition(" ")
    statuses = check["statuses"]
    assert isinstance(statuses, list)  # noqa: S101  fleet/inventory/settings.py says so
    good = status.isdigit() and int(status) in statuses and content_type.startswith(str(check["content_type"]))
    if good or (_throttled(status, content_type) and not own_page):
        return ""
    return f"{check['path']}: {last.strip()}{' (the limit of nginx)' * (own_page and status == '429')}"


def _throttled(status: str, content_type: str) -> bool:
    """Return whether the application itself answers that it is asked too often.

    It counts all visitors as one and answers before it does anything else: so it is there, and no visitor can vote a
    release down. Whether its database answers, its health check says, whose requests it counts separately.
    """
    return status == "429" and content_type.startswith("application/json")
