"""Roles come back without a password and without a login; what a failed restore made goes again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.databases.postgres import set_roles
from aipbx_agent.databases.postgres.engine import Postgres

ROLES = {
    "aipbx": {"login": True, "attributes": "INHERIT", "powers": "SUPERUSER", "settings": [], "comment": "",
              "member_of": {"readers": ""}},
    "reporting": {"login": True, "attributes": "INHERIT CONNECTION LIMIT 3", "powers": "", "comment": "it's theirs",
                  "settings": ["work_mem=7MB"], "member_of": {"readers": "WITH ADMIN true, INHERIT true, SET true"}},
    "readers": {"login": False, "attributes": "NOINHERIT", "powers": "", "settings": [], "comment": "",
                "member_of": {}},
    "unknown": {},
}  # fmt: skip


class Server(Postgres):
    """A server that has some roles, and writes down what it is asked."""

    def __init__(self, *there: str, used: str = "0") -> None:
        super().__init__("abc", "admin", Path("/b"), 1)
        self.there, self.used, self.asked = there, used, list[str]()

    def psql(self, sql: str, *_: object, **__: object) -> list[str]:
        if sql == set_roles.THERE:
            return [json.dumps(name) for name in self.there]
        self.asked.append(sql)
        if sql.startswith("DROP ROLE") and "readers" in sql:
            raise Failed("psql failed.", "some objects depend on it", "")
        return [self.used]


def test_those_that_are_there_stay_as_they_are() -> None:
    server = Server("aipbx", "admin")
    made = set_roles.lacking(server, ROLES)
    assert made == ["readers", "reporting", "unknown"]
    set_roles.make(server, ROLES, made)
    assert server.asked == [
        "BEGIN;\n"
        'CREATE ROLE "readers" NOLOGIN NOINHERIT;\n'
        'CREATE ROLE "reporting" NOLOGIN INHERIT CONNECTION LIMIT 3;\n'
        "COMMENT ON ROLE \"reporting\" IS 'it''s theirs';\n"
        "INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig) "
        "SELECT 0, oid, ARRAY['work_mem=7MB']::text[] FROM pg_roles WHERE rolname = 'reporting';\n"
        'CREATE ROLE "unknown" NOLOGIN ;\n'
        'GRANT "readers" TO "aipbx" ;\n'
        'GRANT "readers" TO "reporting" WITH ADMIN true, INHERIT true, SET true;\n'
        "COMMIT;\n"
    ]
    set_roles.make(server, ROLES, [])
    assert len(server.asked) == 1


def test_operators_see_who_cannot_log_in_yet_and_what_no_role_gets() -> None:
    readers, reporting, unknown = set_roles.notes(ROLES, ["readers", "reporting", "unknown"])
    assert "cannot log in" not in readers
    assert 'cannot log in before you say: \\password "reporting"' in reporting
    assert "of which a file says nothing" in unknown
    (aipbx,) = set_roles.notes(ROLES, ["aipbx"])
    assert aipbx.endswith("It was SUPERUSER, which it is not here.")


def test_another_application_s_role_hands_over_and_goes() -> None:
    server = Server("ours", "theirs")
    assert set_roles.hand_over(server, "new", "theirs", "ours", ["theirs"]) == []
    assert server.asked[0] == 'REASSIGN OWNED BY "theirs" TO "ours"'
    assert server.asked[-1] == 'DROP ROLE "theirs"'
    server = Server("ours", "theirs", used="2")
    (note,) = set_roles.hand_over(server, "new", "theirs", "ours", ["theirs"])
    assert server.asked[-1] == 'GRANT "theirs" TO "ours"'
    assert note == "ours is a member of theirs, to which rights were given where this was taken."


@pytest.mark.parametrize("theirs", ["", "ours", "nowhere"])
def test_nothing_of_this_host_s_own_role_is_handed_over(theirs: str) -> None:
    server = Server("ours")
    assert set_roles.hand_over(server, "new", theirs, "ours", []) == []
    assert server.asked == []


def test_roles_of_a_restore_that_failed_go_but_for_those_that_are_needed(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    config, server = Config({"app_dir": str(tmp_path)}, {}, {}), Server()
    set_roles.begin(config, ["readers", "reporting"])
    set_roles.clear(config, server)
    assert server.asked == ['DROP ROLE IF EXISTS "readers"', 'DROP ROLE IF EXISTS "reporting"']
    set_roles.clear(config, server)
    assert len(server.asked) == 2
