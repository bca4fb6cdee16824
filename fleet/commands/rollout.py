"""What is seen of a host from outside beside its release: a certificate, a maintenance page."""

from __future__ import annotations

import shlex

from aipbx_agent.contract import CERTIFICATE, MAINTENANCE


def has_certificate(app_dir: str) -> str:
    """The command that succeeds when there is a certificate that nginx can serve."""
    return f"[ -e {shlex.quote(f'{app_dir}/{CERTIFICATE}')} ]"


def maintenance(app_dir: str, *, on: bool) -> str:
    """The command that makes nginx show the maintenance page, or show it no longer."""
    file = shlex.quote(f"{app_dir}/{MAINTENANCE}")
    return f"touch {file}" if on else f"rm -f {file}"
