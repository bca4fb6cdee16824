"""`aipbx-agent roles`: the roles of PostgreSQL, and what each owns; a deploy runs it between the database and the rest.

`aipbx_admin`   the server's superuser, without a password, over the server's own socket only: operators, this program
DB_USER         the application's: owns its database and what is in it, and nothing else

A new server has only the first. On an older one, the application's role is the superuser: that one gets the name
`aipbx_admin`, and a new role the old name, its password, and all that it owned. Open connections stay.
"""

from __future__ import annotations

import argparse

from aipbx_agent.contract import ADMIN
from aipbx_agent.core import events, lock, retry
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Refused
from aipbx_agent.core.process import run
from aipbx_agent.databases import engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.postgres.superuser import BOOTSTRAP, FIRST_NUMBER
from aipbx_agent.databases.quoting import identifier, literal
from aipbx_agent.roles import access_rules, ownership, role_facts
from aipbx_agent.roles.role_facts import Facts

# Exists within one transaction: no one can rename the role that their session is of.
FOR_A_MOMENT = "aipbx_admin_for_a_moment"
ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
# Seconds in which the application's transactions must have left each table for a moment.
BUSY_SECONDS = 60
PAUSE = 0.5
SECONDS = 60
# A wait is given up before the application's own deadlock check (1 s) can end one of its transactions instead.
PATIENCE = (
    "SET LOCAL lock_timeout = '800ms'; SET LOCAL deadlock_timeout = '200ms'; SET LOCAL statement_timeout = '20s';"
)
_BUSY = ("canceling statement due to lock timeout", "deadlock detected")
# Whatever the server's settings, no statement of such a session is logged.
UNLOGGED = {"log_statement": "none", "log_min_duration_statement": "-1", "log_min_error_statement": "panic"}
OTHERS = """
SELECT format('%s (%s, open for %s s)', coalesce(nullif(application_name, ''), 'a session'), state,
    round(extract(epoch FROM now() - xact_start))) FROM pg_stat_activity
WHERE datname IS NOT NULL AND xact_start IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 3
"""
# What the superuser had as the application, and what other roles let it do without having to say so.
BECOMES = """
DO $aipbx$
DECLARE old pg_authid%ROWTYPE;
BEGIN
  SELECT * INTO old FROM pg_authid WHERE oid = {bootstrap};
  EXECUTE format('ALTER ROLE %I RENAME TO {admin}', old.rolname);
  IF old.rolname = {role} THEN
    EXECUTE format('CREATE ROLE %I {attributes} CONNECTION LIMIT %s PASSWORD %L %s', old.rolname, old.rolconnlimit,
                   old.rolpassword, 'VALID UNTIL ' || quote_literal(old.rolvaliduntil));
    UPDATE pg_db_role_setting SET setrole = (SELECT oid FROM pg_roles WHERE rolname = old.rolname)
    WHERE setrole = {bootstrap};
  END IF;
  ALTER ROLE {admin} CONNECTION LIMIT -1 PASSWORD NULL;
END $aipbx$;
"""
# Members of the superuser could become it; they are the application's from now on.
MEMBERS = """
SELECT format('GRANT %I TO %I; REVOKE %I FROM %I', {role}, pg_get_userbyid(member), pg_get_userbyid({bootstrap}),
    pg_get_userbyid(member)) FROM pg_auth_members WHERE roleid = {bootstrap} AND pg_get_userbyid(member) <> {role}
"""
# Rights on what further roles own in the application's database: a superuser needed none.
FURTHER = """
SELECT format('GRANT ALL ON TABLE %I.%I TO %I', n.nspname, c.relname, {role})
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid >= {first} AND c.relpersistence <> 't'
  AND c.relowner <> {bootstrap} AND pg_get_userbyid(c.relowner) <> {role}
UNION ALL SELECT format('GRANT ALL ON SCHEMA %I TO %I', nspname, {role}) FROM pg_namespace
WHERE oid >= {first} AND nspname !~ '^pg_' AND nspowner <> {bootstrap} AND pg_get_userbyid(nspowner) <> {role}
"""
# What tables and functions that the application makes from now on give to others.
DEFAULTS = """
SELECT concat_ws('; ', format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s REVOKE ALL ON %s FROM PUBLIC, %I',
                              {role}, place, kind, {role}),
  (SELECT string_agg(format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s GRANT %s ON %s TO %s%s', {role}, place,
     a.privilege_type, kind, CASE a.grantee WHEN 0 THEN 'PUBLIC' WHEN {bootstrap} THEN quote_ident({role})
     ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END), '; ')
   FROM aclexplode(d.defaclacl) a), format('DELETE FROM pg_default_acl WHERE oid = %s', d.oid))
FROM pg_default_acl d, LATERAL (SELECT
  CASE WHEN d.defaclnamespace = 0 THEN '' ELSE 'IN SCHEMA ' || d.defaclnamespace::regnamespace END AS place,
  CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
    WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END AS kind) w WHERE d.defaclrole = {bootstrap}
"""


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Bring the roles to what they are declared to be, and say what changed."""
    events.result(notes=declared(config))


def declared(config: Config) -> list[str]:
    """Bring the roles to what they are declared to be.

    Returns: what changed, and what an operator should know.
    """
    if config.dialect != "postgres":
        return []
    server = live(config)
    return _settled(config, server, moved=server.user != ADMIN)


def live(config: Config) -> Postgres:
    """Return the live server.

    Raises:
        Refused: it does not run, or is another kind of server.
    """
    server = engine.live(config)
    if not isinstance(server, Postgres):
        raise Refused(
            f"{server.name} has no application roles.", "Only PostgreSQL has.", f"inv status --host={config.host}"
        )
    return server


def _settled(config: Config, server: Postgres, *, moved: bool) -> list[str]:
    notes = []
    if moved:
        with lock.held("roles of the database"):
            notes += _move(config, server)
        server = live(config)
    facts = role_facts.read(server, config.role)
    if _declare(config, server, facts):
        facts = role_facts.read(server, config.role)
    stays = _own_all(config, server, facts)
    if withdrawn := access_rules.declare(server, facts.rules):
        notes.append(
            f"Rules for logins that are no longer there (pg_hba.conf.before-aipbx has them): {' · '.join(withdrawn)}"
        )
    return [
        *notes,
        *(f"{name} is a superuser, too." for name in facts.other_superusers),
        *(f"The {kind} stays {ADMIN}'s: only a superuser may own it." for kind in stays),
    ]


def _own_all(config: Config, server: Postgres, facts: Facts) -> list[str]:
    """Give what is in the role's databases to the role, and return what stays the superuser's in the application's."""
    databases = sorted({*facts.databases_of_role, config.database})
    surveys = {database: ownership.survey(server, database, config.role) for database in databases}
    for database in facts.databases_of_role:
        if todo := surveys[database].changes:
            with lock.held("owners of what is in the database"):
                _patiently(server, f"BEGIN; {PATIENCE}\n{_script(todo)}COMMIT;\n", database)
        if surveys[database].large_objects:
            ownership.large_objects(server, database, config.role)
    return surveys[config.database].stays


def _move(config: Config, server: Postgres) -> list[str]:
    """Part the application from the superuser, in one transaction."""
    role, names = literal(config.role), {"bootstrap": BOOTSTRAP, "first": FIRST_NUMBER}
    _refuse_taken(config, server)
    facts = role_facts.read(server, config.role)
    first = BECOMES.format(role=role, admin=ADMIN, attributes=ATTRIBUTES, **names)
    if facts.role is None:
        first += f"CREATE ROLE {identifier(config.role)} {ATTRIBUTES};\n"
    databases = facts.databases_of_superuser
    owners = [f"ALTER DATABASE {identifier(name)} OWNER TO {identifier(config.role)}" for name in databases]
    exists = config.database in facts.databases
    database = config.database if exists else "postgres"
    todo = ownership.survey(server, database, config.role).changes if exists else []
    defaults = server.psql(DEFAULTS.format(role=role, **names), database)
    script = [
        f"BEGIN; {PATIENCE}\nCREATE ROLE {FOR_A_MOMENT} SUPERUSER; SET SESSION AUTHORIZATION {FOR_A_MOMENT};\n",
        first,
        _script(owners + todo + defaults),
        f"RESET SESSION AUTHORIZATION;\n{MEMBERS.format(role=role, **names)} \\gexec\n",
        f"{FURTHER.format(role=role, **names)} \\gexec\nDROP ROLE {FOR_A_MOMENT};\nCOMMIT;\n",
    ]
    with events.step(f"{config.role} is no longer a superuser; {ADMIN} is"):
        _patiently(server, "".join(script), database)
    return [f"{config.role} is no longer a superuser; it owns {', '.join(databases) or 'nothing yet'}."]


def _refuse_taken(config: Config, server: Postgres) -> None:
    if config.role == ADMIN or server.psql(f"SELECT FROM pg_roles WHERE rolname = '{ADMIN}'"):
        raise Refused(
            f"There is another role {ADMIN}.",
            f"The superuser is {server.user}, and must get that name.",
            f"Find out what uses it, and rename it: inv db --host={config.host}",
        )


def _declare(config: Config, server: Postgres, facts: Facts) -> bool:
    """Make the application's role and database what they are declared to be, and say whether something changed."""
    too_much, has_password = facts.role or (True, False)
    name, role = identifier(config.database), identifier(config.role)
    commands = []
    if too_much:
        commands.append(f"{'ALTER' if facts.role else 'CREATE'} ROLE {role} {ATTRIBUTES}")
    if facts.superuser_has_password:
        commands.append(f"ALTER ROLE {ADMIN} PASSWORD NULL")
    if config.database not in facts.databases:
        commands.append(f"CREATE DATABASE {name} OWNER {role} TEMPLATE template0")
    elif config.database in facts.databases_of_superuser:
        commands.append(f"ALTER DATABASE {name} OWNER TO {role}")
    if commands:
        server.psql(_script(commands))
    if not has_password:
        set_password(server, config.role, config.services["backend"]["DB_PASS"])
    return bool(commands) or not has_password


def own(server: Postgres, database: str) -> None:
    """Give what the superuser has loaded into a database to the role that owns it; the ledger stays the superuser's."""
    owner = server.owner(database)
    if owner != server.user:
        survey = ownership.survey(server, database, owner)
        server.psql(f"BEGIN;\n{_script(survey.changes)}COMMIT;\n", database, 600)
        if survey.large_objects:
            ownership.large_objects(server, database, owner)


def set_password(server: Postgres, role: str, password: str) -> None:
    """Give a role a password: psql itself makes what the server stores of it, so no statement and no log has it."""
    settings = {**UNLOGGED, "password_encryption": "scram-sha-256"}
    options = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", "postgres"]
    argv = server.client("psql", *options, "--command", f"\\password {identifier(role)}", settings=settings)
    run(argv, seconds=SECONDS, stdin=f"{password}\n{password}\n".encode())


def _script(commands: list[str]) -> str:
    return "".join(f"{command};\n" for command in commands)


def _patiently(server: Postgres, script: str, database: str) -> None:
    """Run a script whose locks must not make anyone wait: it gives up soon, and tries again.

    Raises:
        Failed: there was no moment for it; nothing was changed.
    """

    def busy(problem: AgentError) -> bool:
        return any(words in problem.why for words in _BUSY)

    try:
        retry.until(BUSY_SECONDS, lambda: server.psql(script, database), pause=PAUSE, again=busy)
    except Failed as problem:
        if not busy(problem):
            raise
        open_ones = "; ".join(server.psql(OTHERS)) or "they have ended meanwhile"
        raise Failed(
            "The database's objects cannot be given to the application's role; nothing was changed.",
            f"They were in use for {BUSY_SECONDS} s. Open transactions: {open_ones}.",
            "Run it again when they have ended, or at a quieter hour.",
        ) from None
