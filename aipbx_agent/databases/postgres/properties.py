"""What belongs to a database itself, and which roles it needs, as SQL that any server since PostgreSQL 13 answers.

Catalogues differ by version: a row as JSON has what there is.
"""

from __future__ import annotations

# By name; equal for a restored database, also under another owner.
PROPERTIES = """
(WITH d AS (SELECT one.*, to_jsonb(one) AS row FROM pg_database one WHERE datname = current_database()),
said(name, value) AS (
  SELECT 'encoding', pg_encoding_to_char(encoding)::text FROM d
  UNION ALL SELECT 'locale provider', coalesce(row ->> 'datlocprovider', 'c') FROM d
  UNION ALL SELECT 'collation', datcollate::text FROM d
  UNION ALL SELECT 'character types', datctype::text FROM d
  UNION ALL SELECT 'locale', coalesce(row ->> 'datlocale', row ->> 'daticulocale') FROM d
  UNION ALL SELECT 'collation rules', row ->> 'daticurules' FROM d
  UNION ALL SELECT 'connection limit', datconnlimit::text FROM d WHERE datconnlimit <> -1
  UNION ALL SELECT 'comment', shobj_description(oid, 'pg_database') FROM d
  UNION ALL SELECT 'settings of ' || coalesce(pg_get_userbyid(nullif(setrole, 0)), 'every role'),
    (SELECT string_agg(one, ', ' ORDER BY one) FROM unnest(setconfig) one)
  FROM pg_db_role_setting JOIN d ON d.oid = setdatabase
  UNION ALL SELECT 'rights of ' || CASE grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(grantee) END,
    string_agg(privilege_type || CASE WHEN is_grantable THEN ' (and may grant it)' ELSE '' END, ', '
               ORDER BY privilege_type)
  FROM d, aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee <> datdba GROUP BY grantee
  UNION ALL SELECT 'publications', string_agg(pubname, ', ' ORDER BY pubname) FROM pg_publication
  UNION ALL SELECT 'event triggers', string_agg(evtname, ', ' ORDER BY evtname) FROM pg_event_trigger
) SELECT json_object_agg(name, value) FROM said WHERE value IS NOT NULL)
"""
# Roles that own or may do something in the database, those that they are members of, and their own members. Never
# passwords. Predefined roles are on every server, and so is the superuser, unless it is the application's.
ROLES = """
(WITH RECURSIVE d AS (SELECT oid, datdba FROM pg_database WHERE datname = current_database()),
used AS (
  SELECT refobjid AS oid FROM pg_shdepend s, d WHERE refclassid = 'pg_authid'::regclass
    AND (s.dbid = d.oid OR s.dbid = 0 AND s.classid = 'pg_database'::regclass AND s.objid = d.oid)
  UNION SELECT datdba FROM d
  UNION SELECT setrole FROM pg_db_role_setting, d WHERE setdatabase = d.oid AND setrole <> 0
), above AS (SELECT oid FROM used UNION SELECT roleid FROM pg_auth_members m JOIN above ON m.member = above.oid),
below AS (SELECT oid FROM used UNION SELECT member FROM pg_auth_members m JOIN below ON m.roleid = below.oid),
needed AS (SELECT r.* FROM pg_roles r WHERE oid IN (SELECT oid FROM above UNION SELECT oid FROM below)
    AND rolname !~ '^pg_' AND (oid <> 10 OR oid IN (SELECT datdba FROM d))),
memberships AS (
  SELECT member, pg_get_userbyid(roleid) AS name, bool_or(admin_option) AS admin,
    bool_or((to_jsonb(m) ->> 'inherit_option')::boolean) AS inherit,
    bool_or((to_jsonb(m) ->> 'set_option')::boolean) AS set
  FROM pg_auth_members m WHERE roleid IN (SELECT oid FROM needed) OR pg_get_userbyid(roleid) ~ '^pg_'
  GROUP BY member, roleid
)
SELECT coalesce(json_object_agg(rolname, json_build_object(
  'login', rolcanlogin,
  'attributes', concat_ws(' ', CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
    CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
    CASE WHEN rolbypassrls THEN 'BYPASSRLS' END, 'CONNECTION LIMIT ' || rolconnlimit,
    'VALID UNTIL ' || quote_literal(rolvaliduntil)),
  'powers', concat_ws(', ', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolreplication THEN 'REPLICATION' END),
  'settings', coalesce(rolconfig, '{}'),
  'comment', coalesce(shobj_description(oid, 'pg_authid'), ''),
  'member_of', (SELECT coalesce(json_object_agg(name, CASE
      WHEN set IS NOT NULL THEN concat('WITH ADMIN ', admin::text, ', INHERIT ', inherit::text, ', SET ', set::text)
      WHEN admin THEN 'WITH ADMIN OPTION' ELSE '' END), '{}') FROM memberships WHERE member = needed.oid)
)), '{}') FROM needed)
"""
# What a load leaves out: it leads elsewhere, or needs what another server may not have.
STAYS = """
(SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM (
  SELECT 'subscription ' || subname FROM pg_subscription
  WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  UNION SELECT 'tablespace ' || spcname FROM pg_tablespace WHERE spcname !~ '^pg_' AND oid IN (
    SELECT reltablespace FROM pg_class UNION SELECT dattablespace FROM pg_database WHERE datname = current_database())
  UNION SELECT 'security labels of ' || provider FROM pg_seclabels
  WHERE objtype <> 'database' OR objname = quote_ident(current_database())
) one(name))
"""
