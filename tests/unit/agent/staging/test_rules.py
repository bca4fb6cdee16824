"""What becomes of each column, and what no one has looked at."""

from __future__ import annotations

from typing import Any

import pytest

from aipbx_agent.staging import rules
from aipbx_agent.staging.schema import Column, Schema, Table

USERS = Table(
    "public",
    "users",
    (Column("id", "integer", True), Column("email", "character varying(255)", True), Column("tel", "text", False)),
)
CALLS = Table("public", "calls", (Column("id", "integer", True), Column("said", "text", True)))
LEDGER = Table("aipbx_fleet", "migrations", (Column("name", "text", True),))
SCHEMA = Schema((USERS, CALLS, LEDGER), (("public.calls", "public.users"),))
RAW: dict[str, Any] = {"empty": ["calls"], "tables": {"users": {"keep": ["id"], "email": ["email"], "phone": ["tel"]}}}


def test_what_is_covered_has_no_problem_and_our_own_tables_need_no_rule() -> None:
    wanted = rules.parse(RAW)
    assert wanted.problems(SCHEMA) == []
    assert wanted.gone(SCHEMA) == []


def test_what_has_no_rule_is_named() -> None:
    assert rules.parse({}).problems(SCHEMA) == [
        "public.users.id has no rule",
        "public.users.email has no rule",
        "public.users.tel has no rule",
        "public.calls.id has no rule",
        "public.calls.said has no rule",
    ]


def test_a_table_that_looks_like_ours_is_not() -> None:
    other = Table("aipbx_fleet", "customers", (Column("name", "text", True),))
    assert rules.parse({}).problems(Schema((other,))) == ["aipbx_fleet.customers.name has no rule"]


def test_what_cannot_be_done_is_named() -> None:
    wanted = rules.parse({"empty": ["users"], "tables": {"calls": {"keep": ["id"], "null": ["said"]}}})
    assert wanted.problems(SCHEMA) == [
        "public.calls.said takes no NULL",
        "public.calls refers to public.users, which loses its rows: empty both",
    ]


def test_rules_for_what_is_gone_are_named() -> None:
    wanted = rules.parse({"empty": ["calls", "old"], "tables": {"users": {"keep": ["id", "age"]}, "x.y": {}}})
    assert wanted.gone(SCHEMA) == ["public.old", "x.y", "public.users.age"]


def test_the_sql_empties_and_makes_up() -> None:
    sql = rules.parse(RAW).sql(SCHEMA, "s't")
    lines = sql.splitlines()
    assert lines[0] == 'TRUNCATE "public"."calls";'
    assert lines[1].startswith('UPDATE ONLY "public"."users" SET "email" = (')
    assert "sha256(convert_to('s''t' || \"email\"::text" in sql
    assert "'@staging.invalid')::character varying(255)" in sql
    assert '"id" =' not in sql
    assert len(lines) == 2


def test_constants_and_nothing() -> None:
    raw = {"tables": {"users": {"keep": ["id"], "constant": {"email": "o'x"}, "null": ["tel"]}, "calls": {}}}
    assert rules.parse(raw).sql(Schema((USERS,)), "") == (
        'UPDATE ONLY "public"."users" SET "email" = \'o\'\'x\', "tel" = NULL;'
    )


def test_a_database_without_anything_to_do_is_asked_nothing() -> None:
    raw = {"tables": {"users": {"keep": ["id", "email", "tel"]}}}
    assert rules.parse(raw).sql(Schema((USERS, LEDGER)), "") == ""


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"emtpy": []}, "'emtpy' is neither"),
        ({"empty": "users"}, "empty is not a list"),
        ({"empty": [1]}, "empty is not a list"),
        ({"tables": []}, "tables is not a table of names"),
        ({"tables": {"users": []}}, "users is not a table"),
        ({"tables": {"users": {"forget": ["id"]}}}, "'forget' is not one of keep, null"),
        ({"tables": {"users": {"keep": "id"}}}, "users.keep is not a list"),
        ({"tables": {"users": {"constant": ["id"]}}}, "users is not a table"),
        ({"tables": {"users": {"keep": ["id"], "null": ["id"]}}}, "users.id has two rules"),
        ({"tables": {"users": {}}, "empty": ["public.users"]}, "public.users loses its rows"),
    ],
)
def test_malformed_rules(raw: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        rules.parse(raw)
