"""What `inv doctor` and `inv user.admin` make of the application's tables."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from fleet.commands import accounts
from fleet.errors import FailedError, OperatorError
from fleet.remote import Output
from fleet.users import administrator, state
from fleet.users.state import State

WELL = {
    "roles": ["ADMIN", "USER"],
    "administrators": ["admin@aipbx.test"],
    "account": True,
    "prices": True,
    "models": 3,
    "pbxs": 1,
}
MAIL = {"MAIL_HOST": "smtp.aipbx.test", "MAIL_USER": "a@aipbx.test", "MAIL_PASS": "secret-secret"}
VARIABLES = {"DB_DIALECT": "postgres", "DB_USER": "a b", "ADMIN_EMAIL": "Admin@aipbx.test"}


class Host:
    """A host that answers with what its tables say, and keeps what it was given."""

    name = "aipbx.test"

    class settings:  # noqa: N801
        compose_project = "aipbx"
        app_dir = "/app/aipbx"

    def __init__(self, variables: dict[str, str], *outputs: Output) -> None:
        self.environment = json.dumps({"services": {"backend": {"environment": variables}}}) if variables else ""
        self.outputs = list(outputs)
        self.given: list[bytes] = []

    def sudo_output(self, command: str, timeout: float) -> str:  # noqa: ARG002
        return self.environment if "environment.json" in command else ""

    def run(self, command: str, *, seconds: float, stdin: bytes) -> Output:  # noqa: ARG002
        assert b"aipbx.test" not in command.encode(), "an address is on no command line"
        assert "exec psql -U 'a b' -d " in shlex.split(command)[-1], "the application's role"
        self.given.append(stdin)
        return self.outputs.pop(0)


def tables(**changes: Any) -> Output:
    return Output(0, json.dumps(WELL | changes) + "\n", "")


def read(variables: dict[str, str], output: Output, email: str = "") -> State:
    host: Any = Host(variables, output)
    return state.read(host, email)


def lacking(variables: dict[str, str], **changes: Any) -> dict[str, tuple[str, str]]:
    found = state.lacking(read(VARIABLES | variables, tables(**changes)), "aipbx.test")
    return {what: (why, do) for what, why, do in found}


def test_nothing_is_lacking_on_a_host_that_is_set_up() -> None:
    assert lacking(MAIL) == {}
    assert lacking(MAIL, models=None, pbxs=None) == {}, "an application without these tables lacks nothing in them"


def test_each_thing_that_is_missing_says_why_and_what_to_do() -> None:
    found = lacking({"MAIL_HOST": "smtp.aipbx.test"}, administrators=[], account=False, prices=False, models=0, pbxs=0)
    assert list(found) == ["sign up and log in", "administer", "see prices", "make an assistant", "call"]
    assert "500 without MAIL_USER, MAIL_PASS" in found["sign up and log in"][0]
    assert found["administer"][1] == "inv user.admin --host=aipbx.test"
    assert "admin@aipbx.test" in found["see prices"][0]
    assert "has no account" in found["see prices"][0]


def test_a_backend_that_came_up_before_its_database_made_no_roles() -> None:
    assert "there is no role ADMIN and USER" in lacking(MAIL, roles=[])["sign up"][0]


@pytest.mark.parametrize(
    ("variables", "output", "message"),
    [
        ({}, tables(), "has no variables yet"),
        ({"DB_DIALECT": "mysql"}, tables(), "in PostgreSQL only"),
        (VARIABLES, Output(0, "\n", ""), "at least one is missing"),
        (VARIABLES, Output(1, "", "no such service: postgres"), "no such service"),
    ],
)
def test_what_cannot_be_asked_is_refused(variables: dict[str, str], output: Output, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        read(variables, output)


def appoint(*outputs: Output, email: str = "", another: bool = False) -> list[bytes]:
    host: Any = Host(VARIABLES | MAIL, *outputs)
    administrator.appoint(host, email, another=another, yes=True)
    given: list[bytes] = host.given
    return given[1:]


def test_the_first_administrator_is_made() -> None:
    done = Output(0, "", "")
    assert appoint(tables(administrators=[], account=False), done) == [
        accounts.grant("admin@aipbx.test", "USD").encode()
    ]
    assert appoint(tables(administrators=[]), done, email=" Me@aipbx.test") == [
        accounts.grant("me@aipbx.test", "USD").encode()
    ]
    assert appoint(tables()) == [], "who is one already is left alone"


def test_a_second_one_must_be_meant() -> None:
    with pytest.raises(OperatorError, match=r"has an administrator already: admin@aipbx\.test"):
        appoint(tables(), email="other@aipbx.test")
    assert len(appoint(tables(), Output(0, "", ""), email="other@aipbx.test", another=True)) == 1


def test_what_is_no_address_and_what_the_database_refuses() -> None:
    with pytest.raises(OperatorError, match="is not an e-mail address"):
        appoint(tables(administrators=[]), email="x'); DROP TABLE users; --")
    with pytest.raises(OperatorError, match="no role ADMIN"):
        appoint(tables(administrators=[], roles=["USER"]))
    with pytest.raises(FailedError, match="Nothing was changed"):
        appoint(tables(administrators=[]), Output(3, "", 'ERROR:  null value in column "x"'))


def test_the_role_can_be_taken_back() -> None:
    host: Any = Host(VARIABLES, tables(), Output(0, "", ""))
    administrator.dismiss(host, "", yes=True)
    assert host.given[1] == accounts.revoke("admin@aipbx.test").encode()
    with pytest.raises(OperatorError, match=r"Administrators: admin@aipbx\.test"):
        administrator.dismiss(Host(VARIABLES, tables()), "other@aipbx.test", yes=True)  # type: ignore[arg-type]


def test_a_quote_in_an_address_stays_in_it() -> None:
    assert "\\set email 'o''hara@aipbx.test'\n" in accounts.grant("o'hara@aipbx.test", "USD")
    assert "\\set email 'a\\\\b@aipbx.test'\n" in accounts.facts("a\\b@aipbx.test")


def test_what_the_database_answers_is_never_run_by_psql() -> None:
    script = accounts.facts("a@aipbx.test")
    bare = [line for line in script.splitlines() if re.search(r"(?<![:'\w]):\w", line) and not line.startswith("\\")]
    assert bare == []
    assert "nullif(:'models', '')" in script
