"""What a dump says of its database is found in pg_restore's script, whatever texts and names hold."""

from __future__ import annotations

from aipbx_agent.databases.postgres import dump_database
from aipbx_agent.databases.postgres.dump_database import Database

LISTED = """; Archive created at 2026-11-28
3282; 1262 16384 DATABASE - aipbx aipbx_user
3283; 0 0 COMMENT - DATABASE aipbx aipbx_user
3284; 0 0 ACL - DATABASE aipbx aipbx_user
3285; 0 0 DATABASE PROPERTIES - aipbx aipbx_user
216; 1259 16390 TABLE public DATABASE aipbx_user
3286; 0 0 ACL public TABLE users aipbx_user
7; 0 0 COMMENT - EXTENSION citext"""
SCRIPT = r"""--
-- PostgreSQL database dump; CREATE DATABASE no WITH TEMPLATE = template0;
--
\restrict abc;def'

SET statement_timeout = 0;
CREATE DATABASE "a;""b" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = icu LOCALE = 'C' ICU_LOCALE = 'de'
 ICU_RULES = '&a < b' TABLESPACE = fast;

ALTER DATABASE "a;""b" OWNER TO aipbx_user;
\unrestrict abc
\connect -reuse-previous=on "dbname='a;\"b'"

COMMENT ON DATABASE "a;""b" IS 'it''s -- ours;
ALTER DATABASE "a;""b" CONNECTION LIMIT = 1;';
ALTER DATABASE "a;""b" IS_TEMPLATE = true;
ALTER DATABASE "a;""b" CONNECTION LIMIT = 77;
ALTER DATABASE "a;""b" SET search_path TO '$user', 'public';
ALTER ROLE "in DATABASE" IN DATABASE "a;""b" SET work_mem TO '5MB';
REVOKE CONNECT,TEMPORARY ON DATABASE "a;""b" FROM PUBLIC;
SET SESSION AUTHORIZATION reporting;
GRANT CONNECT ON DATABASE "a;""b" TO readers;
RESET SESSION AUTHORIZATION;
"""


def test_commands_about_the_database_are_distinguished_from_its_content() -> None:
    assert dump_database.entries(LISTED.splitlines()) == LISTED.splitlines()[1:5]


def test_a_script_is_taken_apart() -> None:
    about = dump_database.read(SCRIPT)
    assert about.name == '"a;""b"'
    assert about.options == (
        "ENCODING = 'UTF8' LOCALE_PROVIDER = icu LOCALE = 'C' ICU_LOCALE = 'de'\n ICU_RULES = '&a < b'"
    )
    assert about.given_to("new") == [
        "COMMENT ON DATABASE new IS 'it''s -- ours;\nALTER DATABASE \"a;\"\"b\" CONNECTION LIMIT = 1;'",
        "ALTER DATABASE new CONNECTION LIMIT = 77",
        "ALTER DATABASE new SET search_path TO '$user', 'public'",
        "ALTER ROLE \"in DATABASE\" IN DATABASE new SET work_mem TO '5MB'",
        "REVOKE CONNECT,TEMPORARY ON DATABASE new FROM PUBLIC",
        "SET SESSION AUTHORIZATION reporting",
        "GRANT CONNECT ON DATABASE new TO readers",
        "RESET SESSION AUTHORIZATION",
    ]


def test_a_dump_that_says_nothing_of_it() -> None:
    assert dump_database.read("SET statement_timeout = 0;\n") == Database("", "", ())
