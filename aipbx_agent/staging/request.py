"""What a scrub is asked to do: rules, over standard input, and a server that they are for."""

from __future__ import annotations

import hashlib
import json
import sys

from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.engine import Engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.staging import rules
from aipbx_agent.staging.rules import Rules
from aipbx_agent.staging.schema import Schema

# So many problems are named; the rest is counted.
NAMED = 20


def read() -> tuple[Rules, str]:
    """Read rules from standard input.

    Returns: them, and the SHA-256 of their text.

    Raises:
        Refused: they are malformed.
    """
    text = sys.stdin.buffer.read()
    try:
        return rules.parse(json.loads(text)), hashlib.sha256(text).hexdigest()
    except ValueError as problem:
        raise Refused("The scrub rules are malformed.", f"{problem}.", "Correct the file of scrub_rules.") from None


def postgres(server: Engine) -> Postgres:
    """Return the server, if it is PostgreSQL.

    Raises:
        Refused: it is another one.
    """
    if not isinstance(server, Postgres):
        raise Refused(f"Data of {server.name} cannot be scrubbed.", "Scrub rules need PostgreSQL.", "inv backups")
    return server


def refuse_unruled(wanted: Rules, schema: Schema) -> None:
    """Refuse to scrub what no rule covers: no one has looked at it.

    Raises:
        Refused: names it.
    """
    if lines := wanted.problems(schema):
        more = f"; and {len(lines) - NAMED} more" if len(lines) > NAMED else ""
        raise Refused(
            "The scrub rules do not cover this database.",
            f"{'; '.join(lines[:NAMED])}{more}.",
            "Review each, and say in the file of scrub_rules what becomes of it.",
        )
