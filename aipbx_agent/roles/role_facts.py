"""What a deploy must know of a server's roles, databases and rules for logins: read in one session."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.postgres.superuser import BOOTSTRAP
from aipbx_agent.databases.quoting import literal
from aipbx_agent.roles.access_rules import Rules

_DATABASES = (
    "(SELECT coalesce(json_agg(datname::text ORDER BY datname), '[]') FROM pg_database WHERE NOT datistemplate{})"
)
# Those with something to own in them: a closed one is a swap's, and `postgres` the server's own.
_OPEN = " AND datallowconn AND datname <> 'postgres' AND datdba = {}"
FACTS = f"""
SELECT json_build_object(
  'role', (SELECT json_build_array(
      rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls OR NOT rolcanlogin,
      rolpassword IS NOT NULL) FROM pg_authid WHERE rolname = {{role}}),
  'superuser_has_password', EXISTS (SELECT FROM pg_authid WHERE oid = {BOOTSTRAP} AND rolpassword IS NOT NULL),
  'other_superusers', (SELECT coalesce(json_agg(rolname::text ORDER BY rolname), '[]') FROM pg_roles
      WHERE rolsuper AND oid <> {BOOTSTRAP}),
  'databases', {_DATABASES.format("")},
  'databases_of_superuser', {_DATABASES.format(_OPEN.format(BOOTSTRAP))},
  'databases_of_role', {_DATABASES.format(_OPEN.format("(SELECT oid FROM pg_roles WHERE rolname = {role})"))},
  'rules', json_build_object(
      'path', file, 'text', encode(pg_read_binary_file(file), 'base64'),
      'method', (SELECT CASE WHEN bool_or(rolpassword LIKE 'md5%') THEN 'md5' ELSE 'scram-sha-256' END FROM pg_authid),
      'loaded', (pg_stat_file(file)).modification < date_trunc('second', pg_conf_load_time())))
FROM current_setting('hba_file') file
"""


@dataclass(frozen=True)
class Facts:
    """What there is.

    Args:
        role: the application's role: whether its attributes are not the declared ones, and whether it has a password;
            None: it does not exist.
        superuser_has_password: whether the server's superuser has one.
        other_superusers: further ones, by name.
        databases: all but templates.
        databases_of_superuser: those of the superuser that take sessions.
        databases_of_role: those of the application's role that take sessions.
        rules: for logins.
    """

    role: tuple[bool, bool] | None
    superuser_has_password: bool
    other_superusers: list[str]
    databases: list[str]
    databases_of_superuser: list[str]
    databases_of_role: list[str]
    rules: Rules


def read(server: Postgres, role: str) -> Facts:
    """Ask a server for all of it.

    Args:
        server: the live one.
        role: the application's.
    """
    answer = json.loads("".join(server.psql(FACTS.format(role=literal(role)))))
    rules, row = answer.pop("rules"), answer.pop("role")
    # What is not UTF-8 is none of ours, and is only shown.
    text = base64.b64decode(rules.pop("text")).decode(errors="replace")
    return Facts(role=(row[0], row[1]) if row else None, rules=Rules(text=text, **rules), **answer)
