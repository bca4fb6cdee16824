"""What a database has seen of a release, asked in one question."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.migrations import ledger
from aipbx_agent.migrations.ledger import Summary


def server(*answers: str) -> tuple[Postgres, list[str]]:
    """A stand-in that prints these to the first question, then a fault of the schema; and what it was asked."""
    asked: list[str] = []

    def psql(sql: str, _: str) -> list[str]:
        asked.append(sql)
        return list(answers) if len(asked) == 1 else ["trigger steal of migrations"]

    return cast("Postgres", SimpleNamespace(psql=psql)), asked


@pytest.mark.parametrize(
    ("answers", "read"),
    [
        ([], Summary()),
        (['{"in_first_start" : true}'], Summary(in_first_start=True)),
        (
            ['{"in_first_start" : false}', '{"names" : ["a.sql"]}', '{"known" : ["a.sql","b.sql"]}'],
            Summary(names=["a.sql"], known=["a.sql", "b.sql"]),
        ),
        (['{"in_first_start" : false}', '{"names" : []}'], Summary(names=[])),
    ],
)
def test_it_is_read_by_one_session(answers: list[str], read: Summary) -> None:
    stand_in, asked = server(*answers)
    assert ledger.summary(stand_in, "aipbx", "a'b") == read
    assert len(asked) == 1
    assert "release = 'a''b'" in asked[0]


def test_a_schema_of_someone_else_s_is_not_read() -> None:
    with pytest.raises(Refused, match="was not created by this program"):
        ledger.summary(server("false")[0], "aipbx", "a")
