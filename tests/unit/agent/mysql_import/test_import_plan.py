"""Every row of the source finds its place, or nothing is begun."""

from __future__ import annotations

import pytest

from aipbx_agent.core.errors import Refused
from aipbx_agent.mysql_import.import_plan import matched

TARGET = [
    ("public", "users", "id", "int4", False, False),
    ("public", "users", "email", "text", True, False),
    ("public", "aiCdr", "id", "int4", False, False),
    ("public", "aiCdr", "channelId", "varchar", False, True),
    ("odd", "users", "id", "int4", False, False),
]


def test_by_name_or_by_its_name_in_other_case() -> None:
    tables, stays = matched(
        "x", {"users": {"id": "int", "Email": "varchar"}, "aicdr": {"id": "int", "channelid": "varchar"}}, TARGET
    )
    assert [(one.source, one.schema, one.target) for one in tables] == [
        ("users", "public", "users"),
        ("aicdr", "public", "aiCdr"),
    ]
    assert [one.target for one in tables[0].columns] == ["id", "email"]
    assert tables[1].columns[1] == ("channelid", "varchar", "channelId", "varchar", False)
    assert stays == ["odd.users"]


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"old": {"id": "int"}}, "table old"),
        ({"users": {"id": "int", "phone": "text"}}, "users.phone"),
        ({"aiCdr": {"id": "int"}}, "aiCdr: nothing for channelId"),
        ({"users": {"id": "int"}, "USERS": {"id": "int"}}, "table USERS"),
    ],
)
def test_what_has_no_place_is_named(source: dict[str, dict[str, str]], named: str) -> None:
    with pytest.raises(Refused) as refused:
        matched("x", source, TARGET)
    assert named in refused.value.what
    assert "--without=" in refused.value.do
