"""A certificate from the authority, by certbot in its container."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

from aipbx_agent.contract import COMPOSE_FILE
from aipbx_agent.core import compose
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import attempt
from aipbx_agent.tls import pem, points_here
from aipbx_agent.tls.declared import Declared

SECONDS = 360
# certbot renews what has less left.
DUE = timedelta(days=30)
# compose.yml wants to know the release too, which is no matter of certbot's.
_NO_RELEASE = {"BACKEND_IMAGE": "none", "FRONTEND_IMAGE": "none"}
_CHATTER = re.compile(r"Saving debug log|Ask for help|See the logfile|$")


def live(config: Config) -> Path:
    """Return where certbot puts the newest."""
    return config.app / "letsencrypt" / "live" / config.host


def obtain(config: Config, declared: Declared, *, force: bool) -> None:
    """Obtain a certificate, unless there is one for exactly these names that is not due.

    Args:
        declared: what it must be.
        force: renew also what is not due.

    Raises:
        Refused: the authority would not find this host.
        Failed: the authority issues none.
    """
    if force or not _is_settled(live(config) / "fullchain.pem", declared.names):
        points_here.require(config, declared)
    stack = ["--progress", "quiet", "--project-directory", str(config.app), "--env-file", "/dev/null"]
    stack += ["-f", f"{config.app}/{COMPOSE_FILE}"]
    certbot = ["run", "--rm", "--no-deps", "-T", "certbot", *_certbot(config.host, declared, force=force)]
    variables = {**compose.variables(), **_NO_RELEASE}
    code, text = attempt([*compose.COMMAND, *stack, *certbot], seconds=SECONDS, env=variables)
    if code != 0:
        lines = [line.strip() for line in text.splitlines() if not _CHATTER.match(line)]
        raise Failed(
            f"No certificate for {' '.join(declared.names)} was issued.",
            "\n         ".join(["certbot says:", *lines]),
            f"Correct what the authority names, then `inv tls.issue --host={config.host}`.",
        )


def _is_settled(chain: Path, names: list[str]) -> bool:
    ends = pem.ends(chain)
    if ends is None or ends < datetime.now(timezone.utc) + DUE:
        return False
    return sorted(pem.names(chain.read_bytes())) == sorted(names)


def _certbot(host: str, declared: Declared, *, force: bool) -> list[str]:
    argv = ["certonly", "--non-interactive", "--agree-tos", "--webroot", "--webroot-path", "/var/www/acme-challenge"]
    argv += ["--server", declared.acme_directory, "--cert-name", host, "--renew-with-new-domains"]
    argv += ["--logs-dir", "/etc/letsencrypt/log", "--work-dir", "/etc/letsencrypt/work"]
    argv += ["--force-renewal"] if force else ["--keep-until-expiring"]
    contact = declared.acme_contact
    argv += ["--email", contact, "--no-eff-email"] if contact else ["--register-unsafely-without-email"]
    return argv + [word for name in declared.names for word in ("--domain", name)]
