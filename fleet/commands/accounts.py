"""psql's scripts on the application's own tables: who administers it, and what users still lack."""

from __future__ import annotations

ADMINISTRATOR, USER = "ADMIN", "USER"
# Which the scripts need.
TABLES = ("users", "roles", "user_roles", "prices")
# psql prints the values and nothing else.
_PLAIN = r"""
\set QUIET 1
\pset tuples_only on
\pset format unaligned
"""
# A JSON object, or nothing where a table is missing. Not every version has the two tables whose rows are counted. What
# the database answers is put into SQL in quotes: psql runs a backslash command in the value of a bare `:name`.
_FACTS = r"""
SELECT count(*) = TABLE_COUNT AS complete FROM pg_tables
WHERE schemaname = 'public' AND tablename IN (TABLE_NAMES) \gset
SELECT to_regclass('"aiModels"') IS NOT NULL AS has_models, to_regclass('"PbxServers"') IS NOT NULL AS has_pbxs \gset
\set models ''
\if :has_models
SELECT count(*) AS models FROM "aiModels" \gset
\endif
\set pbxs ''
\if :has_pbxs
SELECT count(*) AS pbxs FROM "PbxServers" \gset
\endif
\if :complete
SELECT json_build_object(
    'roles', (SELECT coalesce(json_agg(value), '[]') FROM roles),
    'administrators', (SELECT coalesce(json_agg(u.email ORDER BY u.id), '[]') FROM users u
        JOIN user_roles g ON g."userId" = u.id JOIN roles r ON r.id = g."roleId" WHERE r.value = 'ADMIN'),
    'account', EXISTS (SELECT FROM users WHERE lower(email) = :'email'),
    'prices', EXISTS (SELECT FROM prices p JOIN users u ON u.id = p."userId" WHERE lower(u.email) = :'email'),
    'models', nullif(:'models', '')::bigint, 'pbxs', nullif(:'pbxs', '')::bigint);
\endif
""".replace("TABLE_COUNT", str(len(TABLES))).replace("TABLE_NAMES", ", ".join(f"'{name}'" for name in TABLES))
# As the application makes an account (UsersService.create): its roles, and the prices that it gives everyone.
_GRANT = r"""
BEGIN;
INSERT INTO users (email, currency, "createdAt", "updatedAt")
SELECT :'email', :'currency', now(), now() WHERE NOT EXISTS (SELECT FROM users WHERE lower(email) = :'email');
INSERT INTO user_roles ("roleId", "userId")
SELECT r.id, u.id FROM roles r, users u WHERE r.value IN ('ADMIN', 'USER') AND lower(u.email) = :'email'
ON CONFLICT DO NOTHING;
INSERT INTO prices ("userId", realtime, analytic, text, stt, "createdAt", "updatedAt")
SELECT u.id, 35, 5, 1, 0.1, now(), now() FROM users u
WHERE lower(u.email) = :'email' AND NOT EXISTS (SELECT FROM prices p WHERE p."userId" = u.id);
COMMIT;
"""
_REVOKE = r"""
DELETE FROM user_roles g USING users u, roles r
WHERE g."userId" = u.id AND g."roleId" = r.id AND r.value = 'ADMIN' AND lower(u.email) = :'email';
"""


def facts(email: str) -> str:
    """The script that prints roles, administrators, an account and its prices, and how many models and PBXs there are.

    Args:
        email: the account's, in small letters.
    """
    return f"{_PLAIN}{_set('email', email)}{_FACTS}"


def grant(email: str, currency: str) -> str:
    """Return the script that makes an account an administrator's, in one transaction; a new account when there is none.

    Args:
        email: the account's, in small letters.
        currency: of a new account.
    """
    return f"{_PLAIN}{_set('email', email)}{_set('currency', currency)}{_GRANT}"


def revoke(email: str) -> str:
    """Return the script that takes the administrator's role from an account; the account stays."""
    return f"{_PLAIN}{_set('email', email)}{_REVOKE}"


def _set(name: str, value: str) -> str:
    """Give a variable of psql's a value; the scripts name it as `:'name'`, which quotes it."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"\\set {name} '{escaped}'\n"
