"""Who may log in to PostgreSQL (pg_hba.conf): declared here, and written again where a line differs.

Only a rotation of the database's password adds lines: rotate.py puts them first, marked, and takes
them away.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from aipbx_agent.contract import ADMIN, ROTATION_MARK
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import run
from aipbx_agent.databases.postgres.engine import Postgres

SECONDS = 60
# Seconds within which the server has read its rules; it takes milliseconds.
RELOAD_SECONDS = 30
# The socket is inside the container: who gets there is root on the host. A password in the form `md5` is accepted
# beside SCRAM only where a role still has one.
RULES = """\
# Written by aiPBX Fleet with every deploy; other lines do not stay. The file before that: pg_hba.conf.before-aipbx
local all         all     trust
local replication all     trust
host  all         {admin} all reject
host  all         all     all {method}
"""
# What a server is born with.
OF_BIRTH = {
    *(f"local {what} all trust" for what in ("all", "replication")),
    *(f"host {what} all {where} trust" for what in ("all", "replication") for where in ("127.0.0.1/32", "::1/128")),
    "host all all all scram-sha-256",
}
FAULTS = "SELECT string_agg(error, '; ') FROM pg_hba_file_rules WHERE error IS NOT NULL"


@dataclass(frozen=True)
class Rules:
    """The rules as they are.

    Args:
        path: of the file, in the container.
        text: what it holds.
        method: how passwords are checked: the strongest that every role's is stored for.
        loaded: whether the server has read the file since it was written; in doubt, not.
    """

    path: str
    text: str
    method: str
    loaded: bool


def declare(server: Postgres, rules: Rules) -> list[str]:
    """Have the server's rules be the declared ones, also where a run was killed before the server read them.

    Returns: the lines that went, without comments.

    Raises:
        Failed: the server cannot read them; the rules from before count.
    """
    rotation = [f"{line}\n" for line in rules.text.splitlines() if line.endswith(ROTATION_MARK)]
    after = "".join(rotation) + RULES.format(admin=ADMIN, method=rules.method)
    if after != rules.text:
        write(server, rules.path, after)
    elif not rules.loaded:
        _reload(server)
    return withdrawn(rules.text, after)


def withdrawn(before: str, after: str) -> list[str]:
    """Return the rules that are no longer there, but for those that every server is born with."""
    was, now = ({" ".join(line.split("#")[0].split()): None for line in text.splitlines()} for text in (before, after))
    return [rule for rule in was if rule and rule not in {*now, *OF_BIRTH}]


def read(server: Postgres, path: str) -> str:
    """Return the file as it is."""
    return run(_inside(server, 'cat "$1"', path), seconds=SECONDS).decode()


def write(server: Postgres, path: str, text: str) -> None:
    """Replace the file, keep its first version, and wait until the server has read it.

    Raises:
        Failed: the server cannot read it; the rules from before count.
    """
    script = 'cp -n "$1" "$1.before-aipbx"; cp "$1" "$1.old"; cat >"$1.new" && sync "$1.new" && mv -f "$1.new" "$1"'
    run(_inside(server, script, path), seconds=SECONDS, stdin=text.encode())
    if faults := "".join(server.psql(FAULTS)):
        run(_inside(server, 'mv -f "$1.old" "$1"', path), seconds=SECONDS)
        raise Failed("PostgreSQL cannot read the rules for logins.", faults, f"Check {path} in its container.")
    run(_inside(server, 'rm -f "$1.old"', path), seconds=SECONDS)
    _reload(server)


def _reload(server: Postgres) -> None:
    """A login after `pg_conf_load_time` has moved is judged by the new rules."""
    sql = "SELECT pg_conf_load_time()"
    before, end = server.psql(sql), time.monotonic() + RELOAD_SECONDS
    server.psql("SELECT pg_reload_conf()")
    while server.psql(sql) == before:
        if time.monotonic() > end:
            raise Failed("PostgreSQL does not read its rules for logins.", f"{RELOAD_SECONDS} s.", "inv logs postgres")
        time.sleep(0.2)


def _inside(server: Postgres, script: str, path: str) -> list[str]:
    """In the container, as the server's own account: a file that is made there is the server's."""
    argv = ["docker", "exec", "--interactive", "--user", "postgres", server.container, "sh", "-c"]
    return [*argv, f"set -eu; umask 077; {script}", "sh", path]
