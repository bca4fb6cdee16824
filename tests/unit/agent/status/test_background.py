"""What is asked of the database about work in the background: exact SQL, which the lab's deploys run for real."""

from __future__ import annotations

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.migrations import due
from aipbx_agent.status import background

WORK = {
    "analyses": {"table": "operator_analytics", "column": "status", "value": "processing"},
    "it's": {"table": 'a"b', "column": "s", "value": "o'k"},
}


def test_sql() -> None:
    assert background.existing(WORK) == (
        "SELECT a.table_name FROM information_schema.columns a JOIN information_schema.columns b"
        " USING (table_schema, table_name) WHERE a.table_schema = 'public' AND b.column_name = 'createdAt'"
        " AND (a.table_name, a.column_name) IN (('operator_analytics', 'status'), ('a\"b', 's'))"
    )
    assert background.counting(list(WORK.values())) == (
        'SELECT n FROM (SELECT 0, count(*) FROM public."operator_analytics" WHERE "status"::text = \'processing\''
        " AND \"createdAt\" > now() - interval '1 hour'"
        ' UNION ALL SELECT 1, count(*) FROM public."a""b" WHERE "s"::text = \'o\'\'k\''
        " AND \"createdAt\" > now() - interval '1 hour') AS counts (place, n) ORDER BY place"
    )


class Server:
    """A database that has these tables, and rows in them; it answers as its owner only."""

    def __init__(self, tables: list[str], counts: list[str]) -> None:
        self.answers = [tables, counts]

    def as_owner(self, database: str) -> Server:
        assert database == "aipbx"
        return Server(*self.answers)

    def psql(self, _: str, database: str) -> list[str]:
        assert database == "aipbx"
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("tables", "counts", "running"),
    [
        ([], [], {}),
        (["operator_analytics"], ["2"], {"analyses": 2}),
        (["operator_analytics", 'a"b'], ["0", "3"], {"it's": 3}),
    ],
)
def test_what_runs(
    monkeypatch: pytest.MonkeyPatch, tables: list[str], counts: list[str], running: dict[str, int]
) -> None:
    variables = {"backend": {"DB_DIALECT": "postgres", "DB_NAME": "aipbx"}}
    monkeypatch.setattr(due, "live", lambda _: Server(tables, counts))
    assert background.running(Config({"background_work": WORK}, variables, {})) == running
    monkeypatch.setattr(due, "live", lambda _: None)
    assert background.running(Config({"background_work": WORK}, variables, {})) == {}
