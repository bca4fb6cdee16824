"""What belongs to the superuser in a database and is the application's: everything but the ledger and extensions."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.postgres.superuser import BOOTSTRAP, FIRST_NUMBER
from aipbx_agent.databases.quoting import literal
from aipbx_agent.migrations import ledger
from aipbx_agent.migrations.ledger import SCHEMA as LEDGER  # what was migrated is not the application's to say

_NAMED = "format('%I.%I', n.nspname, o.{prefix}name)"
_BY_METHOD = f"{_NAMED} || format(' USING %I', (SELECT amname FROM pg_am WHERE oid = o.{{prefix}}method))"
# Sequences of columns follow their tables.
_FOLLOWS = (
    "EXISTS (SELECT FROM pg_depend f WHERE f.classid = 'pg_class'::regclass AND f.objid = o.oid "
    "AND f.refclassid = 'pg_class'::regclass AND f.deptype IN ('a', 'i'))"
)
# As ALTER says it; catalogue; how its columns begin; how one is named; which of them.
_KINDS = (
    ("TABLE", "pg_class", "rel", _NAMED, "o.relkind IN ('r', 'p', 'f', 'v', 'm') AND o.relpersistence <> 't'"),
    ("SEQUENCE", "pg_class", "rel", _NAMED, f"o.relkind = 'S' AND o.relpersistence <> 't' AND NOT {_FOLLOWS}"),
    ("TYPE", "pg_class", "rel", _NAMED, "o.relkind = 'c'"),
    (
        "TYPE",
        "pg_type",
        "typ",
        _NAMED,
        "o.typtype IN ('b', 'd', 'e', 'r') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = o.oid)",
    ),
    ("ROUTINE", "pg_proc", "pro", "o.oid::regprocedure::text", "true"),
    ("OPERATOR", "pg_operator", "opr", "o.oid::regoperator::text", "true"),
    ("OPERATOR CLASS", "pg_opclass", "opc", _BY_METHOD, "true"),
    ("OPERATOR FAMILY", "pg_opfamily", "opf", _BY_METHOD, "true"),
    ("COLLATION", "pg_collation", "coll", _NAMED, "true"),
    ("CONVERSION", "pg_conversion", "con", _NAMED, "true"),
    ("STATISTICS", "pg_statistic_ext", "stx", _NAMED, "true"),
    ("TEXT SEARCH DICTIONARY", "pg_ts_dict", "dict", _NAMED, "true"),
    ("TEXT SEARCH CONFIGURATION", "pg_ts_config", "cfg", _NAMED, "true"),
)
# Only a superuser may own these.
STAY = f"""
SELECT 'publication ' || pubname FROM pg_publication WHERE pubowner = {BOOTSTRAP}
UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger WHERE evtowner = {BOOTSTRAP}
UNION ALL SELECT 'subscription ' || subname FROM pg_subscription WHERE subowner = {BOOTSTRAP}
"""
_SURVEY = f"""
SELECT json_build_object(
  'changes', (SELECT coalesce(json_agg(command), '[]') FROM ({{changes}}) found (command)),
  'large_objects', EXISTS (SELECT FROM pg_largeobject_metadata WHERE lomowner = {BOOTSTRAP}),
  'stays', (SELECT coalesce(json_agg(thing), '[]') FROM ({{stays}}) found (thing)))
"""


@dataclass(frozen=True)
class Survey:
    """What in one database is not whose it shall be.

    Args:
        changes: the commands that give the superuser's objects to the role, and the ledger to the superuser.
        large_objects: whether the superuser has some, which `large_objects` gives to the role.
        stays: what only a superuser may own.
    """

    changes: list[str]
    large_objects: bool
    stays: list[str]


def survey(server: Postgres, database: str, role: str) -> Survey:
    """Ask for it, in one session.

    Args:
        server: with that database.
        role: who shall own its objects.
    """
    sql = _SURVEY.format(changes=f"{_schemas(role)}\nUNION ALL {_others(role)}", stays=STAY)
    surveyed = Survey(**json.loads("".join(server.psql(sql, database))))
    if any(LEDGER in change for change in surveyed.changes):
        # The server itself evaluates what belongs to a table, as the table's owner: no code comes with the ledger.
        surveyed.changes.append(ledger.GUARD)
    return surveyed


def large_objects(server: Postgres, database: str, role: str) -> None:
    """Give the superuser's large objects to a role: each by itself, there may be more than a transaction can lock."""
    server.psql(
        f"SELECT format('ALTER LARGE OBJECT %s OWNER TO %I', oid, {literal(role)}) FROM pg_largeobject_metadata "
        f"WHERE lomowner = {BOOTSTRAP} \\gexec",
        database,
        600,
    )


def _schemas(role: str) -> str:
    ours = f"n.nspname <> '{LEDGER}' AND n.nspname !~ '^pg_' AND (n.oid >= {FIRST_NUMBER} OR n.nspname = 'public')"
    return f"""
SELECT format('ALTER SCHEMA %I OWNER TO %I', n.nspname, {literal(role)}) FROM pg_namespace n
WHERE n.nspowner = {BOOTSTRAP} AND {ours} AND NOT {_of_extension("pg_namespace", "n")}
UNION ALL SELECT format('ALTER SERVER %I OWNER TO %I', s.srvname, {literal(role)}) FROM pg_foreign_server s
WHERE s.srvowner = {BOOTSTRAP} AND NOT {_of_extension("pg_foreign_server", "s")}
UNION ALL SELECT format('ALTER SCHEMA {LEDGER} OWNER TO %I', pg_get_userbyid({BOOTSTRAP})) FROM pg_namespace n
WHERE n.nspname = '{LEDGER}' AND n.nspowner <> {BOOTSTRAP}
UNION ALL SELECT format('ALTER TABLE {LEDGER}.%I OWNER TO %I', c.relname, pg_get_userbyid({BOOTSTRAP}))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '{LEDGER}' AND c.relkind = 'r' AND c.relowner <> {BOOTSTRAP}
UNION ALL SELECT 'GRANT USAGE ON SCHEMA {LEDGER} TO PUBLIC' FROM pg_namespace n
WHERE n.nspname = '{LEDGER}' AND NOT has_schema_privilege('public', n.oid, 'USAGE')
UNION ALL SELECT format('GRANT SELECT ON {LEDGER}.%I TO PUBLIC', c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '{LEDGER}' AND c.relkind = 'r' AND NOT has_table_privilege('public', c.oid, 'SELECT')"""


def _others(role: str) -> str:
    return "\nUNION ALL ".join(
        f"""SELECT format('ALTER {kind} %s OWNER TO %I', {name.format(prefix=prefix)}, {literal(role)})
FROM {catalogue} o JOIN pg_namespace n ON n.oid = o.{prefix}namespace
WHERE o.{prefix}owner = {BOOTSTRAP} AND o.oid >= {FIRST_NUMBER} AND n.nspname <> '{LEDGER}' AND {which}
  AND NOT {_of_extension(catalogue, "o")}"""
        for kind, catalogue, prefix, name, which in _KINDS
    )


def _of_extension(catalogue: str, identity: str) -> str:
    return (
        f"EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{catalogue}'::regclass AND d.objid = {identity}.oid "
        "AND d.deptype = 'e')"
    )
