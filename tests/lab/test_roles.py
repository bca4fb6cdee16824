"""Story: anyone who has the backend's login has the application's data, and nothing else of the server."""

from __future__ import annotations

import json
import shlex

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import colours, content, web
from tests.lab.inv_run import Inv

ADDRESS = '-h "$(hostname -i)"'
# What the server was before there was a superuser of its own: the application's role, with all that there is.
OLDER = """
BEGIN; CREATE ROLE story_moment SUPERUSER; SET SESSION AUTHORIZATION story_moment;
ALTER ROLE aipbx_user RENAME TO story_user; ALTER ROLE aipbx_admin RENAME TO aipbx_user;
DO $$ BEGIN EXECUTE format('ALTER ROLE aipbx_user PASSWORD %L',
    (SELECT rolpassword FROM pg_authid WHERE rolname = 'story_user')); END $$;
ALTER DATABASE aipbx_production OWNER TO aipbx_user; REASSIGN OWNED BY story_user TO aipbx_user;
DROP OWNED BY story_user; DROP ROLE story_user;
RESET SESSION AUTHORIZATION; DROP ROLE story_moment; COMMIT;
"""


def as_the_backend(server: Host, sql: str, where: str = ADDRESS, user: str = "aipbx_user") -> str:
    """What a client in the backend's place gets for some SQL."""
    told = json.loads(server.run("cat /app/aipbx/environment.json").stdout)
    password = told["services"]["backend"]["environment"]["DB_PASS"].replace("$$", "$")
    script = (
        f"read -r PGPASSWORD; export PGPASSWORD; exec psql {where} -U {user} -d aipbx_production -qAt "
        f"-v ON_ERROR_STOP=1 -c {shlex.quote(sql)} 2>&1"
    )
    command = shlex.join(["docker", "exec", "-i", "aipbx-postgres-1", "sh", "-c", script])
    return server.run(command, check=False, stdin=f"{password}\n".encode()).stdout


def confined(server: Host) -> None:
    """The application works, and its login leads to nothing else."""
    assert as_the_backend(server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "f\n"
    assert "ERROR" in as_the_backend(server, "COPY (SELECT 1) TO PROGRAM 'id'")
    assert "permission denied" in as_the_backend(server, "DELETE FROM aipbx_fleet.migrations")
    assert "rejects connection" in as_the_backend(server, "SELECT 1", user="aipbx_admin")
    made = "BEGIN; CREATE TABLE story_own (id int); INSERT INTO story_own VALUES (1); TABLE story_own; ROLLBACK"
    assert as_the_backend(server, made) == "1\n"
    assert as_the_backend(server, "SELECT count(*) > 0 FROM roles") == "t\n"


def test_the_application_is_no_superuser(deployed: Inv, server: Host) -> None:
    confined(server)


@pytest.mark.test_all
def test_a_host_from_before_is_brought_to_it(deployed: Inv, server: Host) -> None:
    content.psql(server, OLDER)
    assert as_the_backend(server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t\n"
    server.run("aipbx-agent roles")
    confined(server)
    # The backend's open sessions are of a role that this story has dropped.
    server.run(f"docker restart {colours.container(server, 'backend')}")
    ask = web.Web(server)
    wait.until(lambda: ask("/api/prices/public").status == 200, 60, "the backend is back", "look at its log")
