"""Roles of PostgreSQL: what is asked of the server, and when a run gives up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aipbx_data import access_rules, ledger, ownership, roles
from aipbx_data.config import Config
from aipbx_data.errors import Failed, Refused
from aipbx_data.postgres import ADMIN, Postgres

from fleet.commands import rotation

CONFIG = Config({"host": "aipbx.org"}, {"backend": {"DB_NAME": "aipbx", "DB_USER": "o'b"}}, {})
BORN = "# a comment\nlocal   all   all   trust\nhost all all 127.0.0.1/32 trust\nhost all all all scram-sha-256\n"


class Server(Postgres):
    """A server that answers what a story says, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("abc", ADMIN, Path("/b"), 1)
        self.answers, self.asked = answers, list[str]()

    def psql(self, sql: str, *_: Any, **__: Any) -> list[str]:
        """Answer by what the SQL holds."""
        self.asked.append(sql)
        for part, answer in self.answers.items():
            if part in sql:
                told = (
                    answer.pop(0) if isinstance(answer, list) and answer and not isinstance(answer[0], str) else answer
                )
                if isinstance(told, Exception):
                    raise told
                return list(told)
        return []


@pytest.mark.parametrize(
    ("says", "user"),
    [
        ([b"aipbx_admin\n"], ADMIN),
        ([Failed("", 'FATAL: role "aipbx_admin" does not exist', ""), b"postgres\n"], "postgres"),
        ([Failed("", "the database system is starting up", "")], ADMIN),
    ],
    ids=["declared", "older", "does not answer"],
)
def test_who_the_superuser_is(monkeypatch: pytest.MonkeyPatch, says: list[Any], user: str) -> None:
    def run(*_: Any, **__: Any) -> bytes:
        told: bytes | Exception = says.pop(0)
        if isinstance(told, Exception):
            raise told
        return told

    monkeypatch.setattr(roles, "run", run)
    assert roles.superuser("abc", "aipbx_user") == user


def test_busy_tables_are_tried_again_and_then_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "PAUSE", 0)
    busy = Failed("", "ERROR: canceling statement due to lock timeout", "")
    server = Server(ALTER=[busy, busy, []])
    roles._patiently(server, "ALTER", "aipbx")
    assert server.asked == ["ALTER"] * 3
    monkeypatch.setattr(roles, "BUSY_SECONDS", -1)
    with pytest.raises(Failed, match="nothing was changed") as failed:
        roles._patiently(Server(ALTER=[busy], pg_stat_activity=["a session (idle in transaction)"]), "ALTER", "aipbx")
    assert "a session (idle in transaction)" in failed.value.why
    with pytest.raises(Failed, match="other"):
        roles._patiently(Server(ALTER=[Failed("other", "syntax error", "")]), "ALTER", "aipbx")


def test_a_move_gives_up_before_the_application_would(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(pg_database=['"aipbx"'], nspowner=["ALTER SCHEMA app OWNER TO x"])
    server.user = "o'b"
    monkeypatch.setattr(roles, "FOR_A_MOMENT", "other")
    roles._move(CONFIG, server)
    script = server.asked[-1]
    assert script.startswith("BEGIN; SET LOCAL lock_timeout = '800ms'; SET LOCAL deadlock_timeout = '200ms';")
    assert script.rstrip().endswith("COMMIT;")
    assert script.index("SET SESSION AUTHORIZATION other") < script.index("RENAME TO aipbx_admin")
    assert (
        script.index("ALTER SCHEMA app") < script.index("RESET SESSION AUTHORIZATION") < script.index("DROP ROLE other")
    )
    assert 'ALTER DATABASE "aipbx" OWNER TO "o\'b"' in script
    assert "IF old.rolname = 'o''b'" in script


def test_another_role_of_that_name_is_refused() -> None:
    with pytest.raises(Refused, match="another role aipbx_admin"):
        roles._refuse_taken(CONFIG, Server(rolname=[""]))


def test_the_ledger_is_never_the_applications() -> None:
    server = Server()
    ownership.changes(server, "aipbx", "o'b")
    assert "'o''b'" in server.asked[0]
    assert server.asked[0].count("n.nspname <> 'aipbx_fleet'") == 1 + len(ownership._KINDS)


def test_the_ledger_becomes_the_superusers_without_code_of_the_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    server, adopted = Server(), ["ALTER SCHEMA aipbx_fleet OWNER TO aipbx_admin"]
    monkeypatch.setattr(server, "psql", lambda *_: adopted)
    assert ownership.changes(server, "aipbx", "app") == [*adopted, ledger.GUARD], "in the same transaction, at its end"
    monkeypatch.setattr(server, "psql", lambda *_: ["ALTER TABLE a OWNER TO app"])
    assert ownership.changes(server, "aipbx", "app") == ["ALTER TABLE a OWNER TO app"]


def test_rules_that_go_are_named_but_for_those_of_birth() -> None:
    declared = access_rules.RULES.format(admin=ADMIN, method="scram-sha-256")
    assert access_rules.gone(BORN, declared) == []
    assert access_rules.gone(f"{BORN}host all all 0.0.0.0/0  trust # mine\n", declared) == [
        "host all all 0.0.0.0/0 trust"
    ]
    assert declared.splitlines()[3] == "host  all         aipbx_admin all reject", "before any rule that lets in"


def test_both_sides_know_a_rotations_rules_by_the_same_mark() -> None:
    assert access_rules.MARK == rotation.MARK
