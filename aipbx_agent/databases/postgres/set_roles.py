"""The roles that a database needs, where a server lacks them: made from what a set says, without login and password.

They own what they owned and may do what they might. Who logs in, and by which password, the new server's operators say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.files import read_json, write_json
from aipbx_agent.databases.postgres.dump_database import Database
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.quoting import identifier, literal

Roles = Mapping[str, Mapping[str, Any]]
_LACKING = re.compile(r'\bERROR:  role "(.*)" does not exist$', re.MULTILINE)
THERE = "SELECT to_json(rolname::text) FROM pg_roles"
USED = "SELECT count(*) FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = {role}::regrole"
MEMBER = """
SELECT format('GRANT %I TO %I', pg_get_userbyid(roleid), {new}) FROM pg_auth_members
WHERE member = {old}::regrole \\gexec
"""
SETTINGS = """
UPDATE pg_db_role_setting SET setrole = {new}::regrole WHERE setrole = {old}::regrole
AND setdatabase = (SELECT oid FROM pg_database WHERE datname = {database})
"""


def lacking(server: Postgres, roles: Roles) -> list[str]:
    """Return those that a server does not have."""
    return sorted(set(roles) - {json.loads(row) for row in server.psql(THERE)})


def named(server: Postgres, dump: Path, about: Database, database: str) -> dict[str, dict[str, Any]]:
    """Return the roles that a dump names and a server lacks: the server says so, when its definitions are tried out.

    Args:
        server: which is asked.
        dump: that brings no list of roles.
        about: what it says of its database.
        database: a name that is free; it is so again afterwards.
    """
    server.create(database, about)
    try:
        output = server.tried(dump, database) + server.attempt(about.given_to(identifier(database)))
    finally:
        server.drop(database)
    return {name: {} for name in _LACKING.findall(output)}


def make(server: Postgres, roles: Roles, names: Sequence[str]) -> None:
    """Make some of these roles, all or none, and what they and others are members of."""
    commands = []
    for name in names:
        role, sql = roles[name], identifier(name)
        commands.append(f"CREATE ROLE {sql} NOLOGIN {role.get('attributes', '')}")
        if role.get("comment"):
            commands.append(f"COMMENT ON ROLE {sql} IS {literal(role['comment'])}")
        if role.get("settings"):
            settings = ", ".join(literal(setting) for setting in role["settings"])
            commands.append(
                "INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig) "
                f"SELECT 0, oid, ARRAY[{settings}]::text[] FROM pg_roles WHERE rolname = {literal(name)}"
            )
    for member, role in roles.items():
        for group, options in role.get("member_of", {}).items():
            if member in names or group in names:
                commands.append(f"GRANT {identifier(group)} TO {identifier(member)} {options}")
    if commands:
        server.psql("".join(f"{command};\n" for command in ("BEGIN", *commands, "COMMIT")))


def notes(roles: Roles, names: Sequence[str]) -> list[str]:
    """Return what operators should know of the roles that were made."""
    lines = []
    for name in names:
        role = roles[name]
        line = f"Role {name} was not here: it was made, with its rights and what it owns, without a password"
        if not role:
            line += ", a login or memberships, of which a file says nothing"
        elif role["login"]:
            line += f"; it cannot log in before you say: \\password {identifier(name)} and ALTER ROLE … LOGIN (inv db)"
        lines.append(f"{line}." + (f" It was {role['powers']}, which it is not here." if role.get("powers") else ""))
    return lines


def hand_over(server: Postgres, database: str, theirs: str, ours: str, created: Sequence[str]) -> list[str]:
    """Give what the application's role owned on another server to this server's.

    Args:
        server: where the database is.
        database: a loaded one.
        theirs: the role there.
        ours: the role here.
        created: the roles that were made for this database; others may own more than it.

    Returns: what operators should know.
    """
    if theirs in {"", ours} or theirs not in {json.loads(row) for row in server.psql(THERE)}:
        return []
    old, new = identifier(theirs), identifier(ours)
    if theirs in created:
        server.psql(f"REASSIGN OWNED BY {old} TO {new}", database)
        server.psql(MEMBER.format(old=literal(old), new=literal(ours)))
        server.psql(SETTINGS.format(old=literal(old), new=literal(new), database=literal(database)))
        if server.psql(USED.format(role=literal(old))) == ["0"]:
            server.psql(f"DROP ROLE {old}")
            return []
    server.psql(f"GRANT {old} TO {new}")
    return [f"{ours} is a member of {theirs}, to which rights were given where this was taken."]


def settings(server: Postgres, theirs: Mapping[str, Any], ours: str) -> list[str]:
    """What the application's role had set for its sessions elsewhere, and has not here: it serves other databases too.

    Args:
        server: where it is.
        theirs: the role there.
        ours: its name here.
    """
    here = server.psql(f"SELECT to_json(one) FROM pg_roles, unnest(rolconfig) one WHERE rolname = {literal(ours)}")
    lost = sorted(set(theirs.get("settings", [])) - {json.loads(row) for row in here})
    return [
        f"Where this was taken, the application's role had {name}; {ours} has not (ALTER ROLE … SET)." for name in lost
    ]


def journal(config: Config) -> Path:
    """Record the roles that a restore is about to make: `clear` drops them when it is not completed."""
    return config.backups / "roles.json"


def begin(config: Config, names: Sequence[str]) -> None:
    """Write down which roles a restore makes."""
    if names:
        write_json(journal(config), {"names": list(names)})


def done(config: Config) -> None:
    """What was made stays."""
    journal(config).unlink(missing_ok=True)


def clear(config: Config, server: Postgres) -> None:
    """Remove the roles of a restore that was interrupted; its database is gone already."""
    for name in read_json(journal(config)).get("names", []):
        try:
            server.psql(f"DROP ROLE IF EXISTS {identifier(str(name))}")
        except AgentError:
            continue  # something live needs it, so it was completed
    done(config)
