"""PostgreSQL's role for monitoring: it reads statistics, no data. Its password is made here, and never leaves."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from aipbx_agent.contract import MONITOR, MONITOR_PASSWORD, MONITORING_FOLDER
from aipbx_agent.core.config import Config
from aipbx_agent.roles import declare as roles

# As whom the exporter's container runs.
ACCOUNT = 65534
# One scrape at a time, and one that hangs.
CONNECTIONS = 3
DECLARED = f"""
SELECT 'CREATE ROLE {MONITOR}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{MONITOR}') \\gexec
ALTER ROLE {MONITOR} {roles.ATTRIBUTES} CONNECTION LIMIT {CONNECTIONS};
ALTER ROLE {MONITOR} SET default_transaction_read_only = on;
ALTER ROLE {MONITOR} SET statement_timeout = '10s';
GRANT pg_monitor TO {MONITOR};
"""


def declare(config: Config) -> None:
    """Have the role be there as it should be, with the password that the exporter reads.

    Raises:
        AgentError: the server does not run, or is another kind of server.
    """
    server = roles.live(config)
    server.psql(DECLARED)
    roles.set_password(server, MONITOR, password(config.app / MONITORING_FOLDER / MONITOR_PASSWORD))


def password(path: Path) -> str:
    """Read the password; the first time, make it."""
    if not path.exists():
        new = path.with_name(f"{path.name}.new")
        new.write_text(secrets.token_urlsafe(32), "utf-8")
        new.chmod(0o400)
        os.chown(new, ACCOUNT, ACCOUNT)
        new.replace(path)
    return path.read_text("utf-8")
