"""What PostgreSQL is asked, word by word; names and texts cannot end their quotes."""

import json
from pathlib import Path

import pytest

from aipbx_agent.databases.postgres import client, contents
from aipbx_agent.databases.postgres.contents import at_snapshot, counting, qualified
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.quoting import identifier, literal

SERVER = Postgres("abc", "aipbx", Path("/app/aipbx/backups"), 2)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of PostgreSQL 16."""
    monkeypatch.setattr(client, "newer", lambda *_: {"idle_session_timeout": "0"})


def test_clients_run_beside_the_server_and_are_known_by_their_name() -> None:
    *before, options, container, program, _, user, _, database = SERVER.client("pg_dump", "--dbname", "x")
    assert before == ["docker", "exec", "--interactive", "--env", "PGAPPNAME=aipbx-agent", "--env"]
    assert (container, program, user, database) == ("abc", "pg_dump", "aipbx", "x")
    assert options.startswith("PGOPTIONS=-c statement_timeout=0 -c lock_timeout=0 ")
    assert options.endswith("-c bytea_output=hex -c idle_session_timeout=0")
    assert "-c default_transaction_isolation=read\\ committed " in options


def test_a_session_may_set_more_or_leave_something_as_the_database_has_it() -> None:
    options = next(one for one in SERVER.beside(settings={"a": "b c"}, leave=["search_path"]) if "PGOPTIONS" in one)
    assert options.endswith("-c a=b\\ c")
    assert "search_path" not in options
    assert "--user 0 --env PGAPPNAME=aipbx-agent" in " ".join(SERVER.client("pg_restore", root=True))


def test_sessions_of_a_database_s_owner_set_nothing_that_needs_a_superuser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Postgres, "owner", lambda *_: "app")
    words = " ".join(SERVER.as_owner("production").client("psql", "--file", "-", leave=["search_path"]))
    assert words.endswith(" abc psql --username app --file -")
    assert "statement_timeout" in words
    assert not [name for name in ("temp_file_limit", "lc_messages", "search_path") if name in words]
    assert "--username aipbx " in " ".join(SERVER.client("psql", "--file"))
    assert "lc_messages" in " ".join(SERVER.client("psql"))


def test_a_database_of_the_superuser_s_own_is_asked_as_the_superuser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Postgres, "owner", lambda *_: "aipbx")
    assert SERVER.as_owner("x").client("psql") == SERVER.client("psql")


def test_a_path_of_the_host_is_another_one_inside() -> None:
    assert str(SERVER.inside(Path("/app/aipbx/backups/sets/x/d"))) == "/var/lib/aipbx/backups/sets/x/d"
    with pytest.raises(ValueError, match="not in the subpath"):
        SERVER.inside(Path("/etc/passwd"))


@pytest.mark.parametrize(
    ("text", "quoted", "named"),
    [
        ("a", "'a'", '"a"'),
        ("Таблица", "'Таблица'", '"Таблица"'),
        ("a'b", "'a''b'", '"a\'b"'),
        ('a"b', "'a\"b'", '"a""b"'),
        ("a\\'b", " E'a\\\\''b'", '"a\\\'b"'),
    ],
)
def test_quotes(text: str, quoted: str, named: str) -> None:
    assert (literal(text), identifier(text)) == (quoted, named)


def test_rows_are_counted_without_planning_a_query_on_the_applications_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [["public", "a", "id"], ["s", 'b"c', "x"], ["s", "empty"]]
    asked: list[str] = []

    def psql(_: Postgres, sql: str, *__: object, **settings: object) -> list[str]:
        asked.append(sql)
        assert not settings, "what the database has as search_path is not the superuser's"
        answers = {contents.COUNTED: [json.dumps(one) for one in tables], "COPY": ["0 7", "1 0", "2 3"]}
        return next((answer for words, answer in answers.items() if words in sql), ['{"views": 1}'])

    monkeypatch.setattr(Postgres, "psql", psql)
    assert SERVER.contents("x", "1-2").tables == {"public.a": 7, 's."b""c"': 0, "s.empty": 3}
    assert asked[1].splitlines()[2:-2] == [
        """COPY "public"."a" ("id") TO '/dev/null' (ENCODING 'SQL_ASCII');""",
        "\\echo 0 :ROW_COUNT",
        """COPY "s"."b""c" ("x") TO '/dev/null' (ENCODING 'SQL_ASCII');""",
        "\\echo 1 :ROW_COUNT",
        """COPY "s"."empty" TO '/dev/null' (ENCODING 'SQL_ASCII');""",
        "\\echo 2 :ROW_COUNT",
    ]
    assert counting([]) == ""


def test_a_question_about_a_moment_reads_that_moment() -> None:
    assert at_snapshot("0001-1", "SELECT 1") == (
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET TRANSACTION SNAPSHOT '0001-1';\nSELECT 1;\nCOMMIT;\n"
    )
    assert "SNAPSHOT" not in at_snapshot("", "SELECT 1")


def test_two_tables_never_share_a_name() -> None:
    assert qualified("public", "Звонки") == "public.Звонки"
    assert qualified("a.b", "c") == '"a.b".c'
    assert qualified("a", "b.c") == 'a."b.c"'


def test_the_whole_size_is_one_question_so_no_database_can_go_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def psql(_: Postgres, sql: str) -> list[str]:
        asked.append(sql)
        return ["31415926"]

    monkeypatch.setattr(Postgres, "psql", psql)
    assert SERVER.whole_size() == 31415926
    assert len(asked) == 1
