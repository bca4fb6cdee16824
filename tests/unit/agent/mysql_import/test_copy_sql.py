"""What MySQL is asked, and what its answer means to psql."""

from __future__ import annotations

import re

import pytest

from aipbx_agent.databases import quoting
from aipbx_agent.mysql_import import copy_sql
from aipbx_agent.mysql_import.copy_sql import Column, Table

USERS = Table(
    "users",
    "public",
    "users",
    [
        Column("id", "int", "id", "int4", False),
        Column("e`mail", "varchar", 'e"mail', "varchar", True),
        Column("isActive", "tinyint", "isActive", "bool", True),
        Column("at", "datetime", "at", "timestamptz", False),
        Column("deletedAt", "datetime", "deletedAt", "timestamptz", True),
        Column("avatar", "longblob", "avatar", "bytea", True),
        Column("share", "float", "share", "float8", True),
    ],
)


def expression(name: str) -> str:
    return copy_sql.copied(next(one for one in USERS.columns if one.source == name))


def test_each_kind_is_made_what_the_target_takes() -> None:
    assert expression("id") == "IFNULL(REPLACE(CONVERT(`id` USING utf8mb4), '\\0', ''), '\\\\N')"
    assert expression("isActive") == "IFNULL(IF(`isActive` IS NULL, NULL, IF(`isActive` + 0 <> 0, 't', 'f')), '\\\\N')"
    assert expression("avatar") == "IFNULL(CONCAT('\\\\', CONCAT('\\\\x', HEX(`avatar`))), '\\\\N')"
    assert expression("share").count("(`share` * 1e0)") == 1
    assert "`e``mail`" in expression("e`mail")


def test_a_date_of_zeros_is_null_where_that_may_be() -> None:
    assert "'1970-01-01'" in expression("at")
    assert "'1970-01-01'" not in expression("deletedAt")


def test_what_would_end_a_value_or_a_line_is_escaped() -> None:
    """Backslash first: else what was written for the others would be escaped once more."""
    text = expression("e`mail")
    assert re.findall(r"'(\\[^']*)', '(\\[^']*)'", text.replace("'\\0', ''", "")) == [
        ("\\\\", "\\\\\\\\"),
        ("\\t", "\\\\t"),
        ("\\n", "\\\\n"),
        ("\\r", "\\\\r"),
    ]


def test_both_sides_tell_as_many_figures_as_have_a_meaning() -> None:
    meanings = copy_sql.meanings(USERS)
    assert meanings[:3] == ["rows", "values in id", "content of id"]
    # Of a float only the values are counted: its sum depends on the order.
    assert meanings[-1] == "values in share"
    assert copy_sql.source_figures(USERS).count("IFNULL(CAST(") == len(meanings)
    assert copy_sql.target_figures(USERS).count("coalesce((") == len(meanings)


def test_the_source_is_read_in_one_moment_and_never_written() -> None:
    script = copy_sql.reading([USERS])
    assert "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;" in script
    assert script.index("CONSISTENT SNAPSHOT") < script.index("FROM `users`")
    assert {line.split(" ")[0] for line in script.splitlines()} == {"SET", "START", "SELECT", "COMMIT;"}
    assert 'SELECT \'COPY "public"."users" ("id", "e""mail", ' in script


def test_names_and_texts() -> None:
    assert quoting.named("a`b") == "`a``b`"
    assert quoting.quoted("it's \\ so") == "'it''s \\\\ so'"


@pytest.mark.parametrize(
    ("counter", "last"),
    [(0, 'GREATEST(max("id"), 0), 2147483647'), (5000, "4999"), (2**64 - 1, 'GREATEST(max("id"), 0)')],
)
def test_a_counter_continues_from_its_value_unless_that_is_too_high(counter: int, last: str) -> None:
    sql = copy_sql.sequences(USERS, counter, [("id", "public.users_id_seq", 2147483647)])
    assert last in sql
    assert sql.startswith("SELECT setval('public.users_id_seq', ")
