"""Who may do what in MySQL's databases: the statements that say so."""

from __future__ import annotations

from typing import cast

from aipbx_agent.databases.mysql import grants
from aipbx_agent.databases.mysql.engine import MySQL


def hexed(*texts: str) -> list[str]:
    return [text.encode().hex() for text in texts]


class Server:
    """Answers by what is in a question."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def ask(self, sql: str) -> list[list[str]]:
        self.asked.append(sql)
        return next((rows for word, rows in self.answers.items() if word in sql), [])


def server(**answers: list[list[str]]) -> MySQL:
    return cast("MySQL", Server(**answers))


def test_who_has_rights_in_the_live_database_may_read_beside_it() -> None:
    there = server(LIKE=[hexed("o'app", "%"), hexed("role", "")])
    assert grants.lent(there, ["a_new", "a"], "a") == [
        "GRANT SELECT, EXECUTE ON `a\\_new`.* TO 'o''app'@'%';",
        "GRANT SELECT, EXECUTE ON `a\\_new`.* TO 'role';",
    ]


def test_and_no_longer() -> None:
    there = Server(IN=[hexed("app", "%", "a\\_new")])
    assert grants.taken(cast("MySQL", there), ["a_new"]) == ["REVOKE ALL PRIVILEGES ON `a\\_new`.* FROM 'app'@'%';"]
    assert "db IN ('a\\\\_new')" in there.asked[0]
    there.answers["procs_priv"] = [[*hexed("app", "%"), "FUNCTION", *hexed("f")]]
    assert grants.ended(cast("MySQL", there), "a_new")[1:] == [
        "REVOKE ALL PRIVILEGES ON FUNCTION `a_new`.`f` FROM 'app'@'%';"
    ]


def test_rights_to_routines_are_given_again_where_there_are_such_routines() -> None:
    rows = [
        [*hexed("app", "%"), "procedure", *hexed("clean"), "Execute,Alter Routine,Grant"],
        [*hexed("app", "%"), "function", *hexed("clean"), "Execute"],
        [*hexed("boss", "h"), "procedure", *hexed("clean"), "Grant"],
    ]
    assert grants.of_routines(server(procs_priv=rows), "a", [("procedure", "clean")]) == [
        "GRANT Execute, Alter Routine ON procedure `clean` TO 'app'@'%' WITH GRANT OPTION;",
        "GRANT USAGE ON procedure `clean` TO 'boss'@'h' WITH GRANT OPTION;",
    ]


def test_missing_accounts_are_reported_unless_they_were_missing_before() -> None:
    there = Server()

    def ask(sql: str) -> list[list[str]]:
        if "mysql.user" in sql:
            return [hexed("app", "%"), hexed("role", "")]
        old = [hexed("app@%"), hexed("gone@%"), hexed("role")]
        return old if "'live'" in sql else [*old, hexed("a@b@10.0.0.1")]

    there.ask = ask  # type: ignore[method-assign]
    assert grants.strangers(cast("MySQL", there), "new", "live") == ["'a@b'@'10.0.0.1'"]


def test_a_server_that_is_thrown_away_has_the_same_accounts() -> None:
    assert grants.accounts(server(user=[hexed("app", "%"), hexed("role", "")])) == [
        "CREATE USER IF NOT EXISTS 'app'@'%';\nGRANT SELECT, EXECUTE ON *.* TO 'app'@'%';"
    ]
