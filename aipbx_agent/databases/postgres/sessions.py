"""What our sessions on PostgreSQL set for themselves, whatever the server, the database or the role has as a default.

Those defaults are meant for the application. `alter role … set idle_in_transaction_session_timeout = '1s'` ended the
session that holds a backup's snapshot, `alter database … set statement_timeout` its count. Settings of a connection
(PGOPTIONS) have precedence over all of them. pg_dump and pg_restore set some of these again; psql sets none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # What could end a session: its deadlines are those of `run`, and pg_dump's --lock-wait-timeout.
        "statement_timeout": "0",
        "lock_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "temp_file_limit": "-1",
        # What could make it fail, or see less.
        "role": "none",
        "default_transaction_read_only": "off",
        "default_transaction_isolation": "read committed",
        "default_transaction_deferrable": "off",
        "row_security": "off",
        # What could mislead it: another table of a name, an answer or a message in another form.
        "search_path": "pg_catalog",
        "client_encoding": "UTF8",
        "lc_messages": "C",
        "datestyle": "ISO",
        "intervalstyle": "postgres",
        "timezone": "UTC",
        "bytea_output": "hex",
    }
)
# The same, on servers that know them: since PostgreSQL 14 and 17. An unknown setting would refuse the connection.
NEWER: Mapping[str, str] = MappingProxyType({"idle_session_timeout": "0", "transaction_timeout": "0"})
ASK_NEWER = "SELECT name FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')"
# What only a superuser may set: anyone else's connection would be refused.
SUPERUSER = ("temp_file_limit", "lc_messages")
# How names without a schema are found belongs to anyone who wrote the SQL: in a migration, the application.
OF_THE_DATABASE = ("search_path",)


def options(settings: Mapping[str, str], leave: Collection[str] = ()) -> str:
    """PGOPTIONS for settings.

    Args:
        settings: values by name.
        leave: names of settings that stay as the database has them.
    """
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items() if name not in leave)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
