"""Roles of PostgreSQL: what is asked of the server, and when a run gives up."""

from __future__ import annotations

import base64
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.contract import ADMIN
from aipbx_agent.core import lock
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.databases.postgres import superuser
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.migrations import ledger
from aipbx_agent.roles import access_rules, declare, ownership, role_facts

CONFIG = Config({"host": "aipbx.org"}, {"backend": {"DB_NAME": "aipbx", "DB_USER": "o'b"}}, {})
DECLARED = access_rules.RULES.format(admin=ADMIN, method="scram-sha-256")
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


def answer(*, rules: str = DECLARED, loaded: bool = True, **facts: Any) -> list[str]:
    """What a server that needs nothing says of itself, but for some facts."""
    path = "/var/lib/postgresql/data/pg_hba.conf"
    text = base64.b64encode(rules.encode()).decode()
    return [
        json.dumps(
            {
                "role": [False, True],
                "superuser_has_password": False,
                "other_superusers": [],
                "databases": ["aipbx", "postgres"],
                "databases_of_superuser": [],
                "databases_of_role": ["aipbx"],
                "rules": {"path": path, "text": text, "method": "scram-sha-256", "loaded": loaded},
            }
            | facts
        )
    ]


def found(**survey: Any) -> str:
    """What a database says in which everything is the application's, but for some things."""
    return json.dumps({"changes": [], "large_objects": False, "stays": []} | survey)


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

    monkeypatch.setattr(superuser, "run", run)
    assert superuser.superuser("abc", "aipbx_user") == user


def test_busy_tables_are_tried_again_and_then_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declare, "PAUSE", 0)
    busy = Failed("", "ERROR: canceling statement due to lock timeout", "")
    server = Server(ALTER=[busy, busy, []])
    declare._patiently(server, "ALTER", "aipbx")
    assert server.asked == ["ALTER"] * 3
    monkeypatch.setattr(declare, "BUSY_SECONDS", -1)
    with pytest.raises(Failed, match="nothing was changed") as failed:
        declare._patiently(Server(ALTER=[busy], pg_stat_activity=["a session (idle in transaction)"]), "ALTER", "aipbx")
    assert "a session (idle in transaction)" in failed.value.why
    with pytest.raises(Failed, match="other"):
        declare._patiently(Server(ALTER=[Failed("other", "syntax error", "")]), "ALTER", "aipbx")


def test_a_move_gives_up_before_the_application_would(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = answer(role=[True, True], databases=["aipbx"], databases_of_superuser=["aipbx"])
    server = Server(hba_file=facts, nspowner=[found(changes=["ALTER SCHEMA app OWNER TO x"])])
    server.user = "o'b"
    monkeypatch.setattr(declare, "FOR_A_MOMENT", "other")
    declare._move(CONFIG, server)
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
        declare._refuse_taken(CONFIG, Server(rolname=[""]))


def test_the_ledger_is_never_the_applications() -> None:
    server = Server()
    server.answers = {"": [found()]}
    ownership.survey(server, "aipbx", "o'b")
    assert "'o''b'" in server.asked[0]
    assert server.asked[0].count("n.nspname <> 'aipbx_fleet'") == 1 + len(ownership._KINDS)


def test_the_ledger_becomes_the_superusers_without_code_of_the_applications() -> None:
    adopted = "ALTER SCHEMA aipbx_fleet OWNER TO aipbx_admin"
    survey = ownership.survey(Server(nspowner=[found(changes=[adopted])]), "aipbx", "app")
    assert survey.changes == [adopted, ledger.GUARD], "in the same transaction, at its end"
    survey = ownership.survey(Server(nspowner=[found(changes=["ALTER TABLE a OWNER TO app"])]), "aipbx", "app")
    assert survey.changes == ["ALTER TABLE a OWNER TO app"]


def test_rules_that_go_are_named_but_for_those_of_birth() -> None:
    assert access_rules.withdrawn(BORN, DECLARED) == []
    assert access_rules.withdrawn(f"{BORN}host all all 0.0.0.0/0  trust # mine\n", DECLARED) == [
        "host all all 0.0.0.0/0 trust"
    ]
    assert DECLARED.splitlines()[3] == "host  all         aipbx_admin all reject", "before any rule that lets in"


def test_a_server_that_needs_nothing_is_asked_twice() -> None:
    server = Server(hba_file=answer(), nspowner=[found(stays=["publication p"])])
    assert declare._settled(CONFIG, server, moved=False) == [
        "The publication p stays aipbx_admin's: only a superuser may own it."
    ]
    facts, survey = server.asked
    assert facts == role_facts.FACTS.format(role="'o''b'")
    assert survey.startswith("\nSELECT json_build_object(\n  'changes', ")


def test_what_is_lacking_is_made_in_one_session_and_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = answer(role=None, superuser_has_password=True, databases=["postgres"], databases_of_role=[])
    passwords = list[str]()
    monkeypatch.setattr(declare, "set_password", lambda _, role, password: passwords.append(f"{role} {password}"))
    server = Server(hba_file=[bare, answer(other_superusers=["ann"])], nspowner=[found()])
    config = Config({"host": "aipbx.org"}, {"backend": {"DB_NAME": "aipbx", "DB_USER": "app", "DB_PASS": "x"}}, {})
    assert declare._settled(config, server, moved=False) == ["ann is a superuser, too."]
    assert server.asked[1] == (
        'CREATE ROLE "app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;\n'
        "ALTER ROLE aipbx_admin PASSWORD NULL;\n"
        'CREATE DATABASE "aipbx" OWNER "app" TEMPLATE template0;\n'
    )
    assert passwords == ["app x"]
    assert len(server.asked) == 4


def test_objects_of_the_superuser_are_given_to_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "held", lambda _: nullcontext())
    survey = found(changes=["ALTER TABLE a OWNER TO app"], large_objects=True)
    server = Server(hba_file=answer(), nspowner=[survey])
    declare._settled(CONFIG, server, moved=False)
    assert server.asked[2] == f"BEGIN; {declare.PATIENCE}\nALTER TABLE a OWNER TO app;\nCOMMIT;\n"
    assert "ALTER LARGE OBJECT" in server.asked[3]


def test_rules_that_a_killed_run_wrote_are_read_by_the_server_after_all() -> None:
    server = Server(pg_conf_load_time=[["one"], ["one"], ["two"]])
    rules = access_rules.Rules("/hba", DECLARED, "scram-sha-256", loaded=False)
    assert access_rules.declare(server, rules) == []
    assert server.asked == [
        "SELECT pg_conf_load_time()",
        "SELECT pg_reload_conf()",
        *["SELECT pg_conf_load_time()"] * 2,
    ]


def test_rules_that_the_server_has_read_are_left_alone() -> None:
    server = Server()
    assert access_rules.declare(server, access_rules.Rules("/hba", DECLARED, "scram-sha-256", loaded=True)) == []
    assert server.asked == []
