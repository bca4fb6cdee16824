"""The host's public name over TLS, asked as a visitor asks it."""

from __future__ import annotations

import time

from aipbx_data.config import Config
from aipbx_data.errors import DataError, Failed
from aipbx_data.process import run

# nginx asks Docker's DNS anew after at most 5 s (templates/nginx); a certificate needs a moment to be loaded.
SECONDS = 45
_CURL = ("curl", "--silent", "--show-error", "--max-time", "15", "--output", "/dev/null")


def check(config: Config) -> None:
    """Ask until every answer is as declared (`public_checks`).

    Raises:
        Failed: what it answered instead.
    """
    end = time.monotonic() + SECONDS
    while wrong := [told for one in config.raw["public_checks"] if (told := _wrong(config, one))]:
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
        told = run([*_CURL, "--write-out", "%{http_code} %{content_type}", url], seconds=30).decode().strip()
    except DataError as problem:
        return f"{check['path']}: {problem.why}"
    status, _, content_type = told.partition(" ")
    statuses = check["statuses"]
    assert isinstance(statuses, list)  # noqa: S101  fleet/settings.py says so
    good = status.isdigit() and int(status) in statuses and content_type.startswith(str(check["content_type"]))
    return "" if good else f"{check['path']}: {told}"
