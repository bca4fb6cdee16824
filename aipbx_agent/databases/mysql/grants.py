"""Who may do what in a database of MySQL's: rights belong to a database's name, not to what is in it.

A view or procedure works in the name of an account, and cannot even be made where that one has no rights: so anyone who
has any on the live database may read in one that is being filled, for so long.
"""

from __future__ import annotations

from collections.abc import Collection

from aipbx_agent.databases.mysql.client import Client
from aipbx_agent.databases.quoting import named, quoted

MAKING = "SELECT, EXECUTE"
# What is there is a pattern.
WITH_ANY = "SELECT HEX(user), HEX(host) FROM mysql.db WHERE {database} LIKE db ORDER BY user, host;"
WITH_OWN = "SELECT HEX(user), HEX(host), HEX(db) FROM mysql.db WHERE db IN ({patterns}) ORDER BY db, user, host;"
# Dropped with a routine, whatever makes it again.
OF_ROUTINES = """SELECT HEX(user), HEX(host), LOWER(routine_type), HEX(routine_name), proc_priv
FROM mysql.procs_priv WHERE db = {database} ORDER BY routine_name, user, host;
"""
# What stays there when a database goes.
LEFT = "SELECT HEX(user), HEX(host), routine_type, HEX(routine_name) FROM mysql.procs_priv WHERE db = {database};"
ACCOUNTS = "SELECT HEX(user), HEX(host) FROM mysql.user;"
_ACTING = {"triggers": "trigger", "routines": "routine", "events": "event", "views": "table"}


def lent(server: Client, databases: list[str], like: str) -> list[str]:
    """Return the SQL that lets those who have rights in the database `like` read in others."""
    accounts = [_account(*row) for row in server.ask(WITH_ANY.format(database=quoted(like)))]
    places = [named(_pattern(database)) for database in databases if database != like]
    return [f"GRANT {MAKING} ON {place}.* TO {account};" for place in places for account in accounts]


def taken(server: Client, databases: list[str]) -> list[str]:
    """Return the SQL after which no one has rights of their own in databases any more."""
    rows = server.ask(WITH_OWN.format(patterns=", ".join(quoted(_pattern(database)) for database in databases)))
    places = [(named(bytes.fromhex(place).decode()), _account(user, host)) for user, host, place in rows]
    return [f"REVOKE ALL PRIVILEGES ON {place}.* FROM {account};" for place, account in places]


def ended(server: Client, database: str) -> list[str]:
    """Return the SQL after which no one has any right in a database that goes, to its routines neither."""
    return taken(server, [database]) + [
        f"REVOKE ALL PRIVILEGES ON {kind} {named(database)}.{named(bytes.fromhex(name).decode())} "
        f"FROM {_account(user, host)};"
        for user, host, kind, name in server.ask(LEFT.format(database=quoted(database)))
    ]


def of_routines(server: Client, database: str, present: Collection[tuple[str, str]]) -> list[str]:
    """Return the SQL that gives again what accounts may do with routines.

    Args:
        server: the live one.
        database: whose name they have those rights in.
        present: the routines that there will be: what each is, and its name.
    """
    lines = []
    for user, host, kind, name, privileges in server.ask(OF_ROUTINES.format(database=quoted(database))):
        routine, rights = bytes.fromhex(name).decode(), [right for right in privileges.split(",") if right]
        if (kind, routine) in present:
            granted = ", ".join(right for right in rights if right != "Grant") or "USAGE"
            also = " WITH GRANT OPTION" if "Grant" in rights else ""
            lines.append(f"GRANT {granted} ON {kind} {named(routine)} TO {_account(user, host)}{also};")
    return lines


def accounts(server: Client) -> list[str]:
    """The SQL that makes a server's accounts on one that is thrown away, so that things can be made in their names."""
    known = [_account(user, host) for user, host in server.ask(ACCOUNTS) if host]
    return [f"CREATE USER IF NOT EXISTS {account};\nGRANT {MAKING} ON *.* TO {account};" for account in known]


def strangers(server: Client, database: str, like: str) -> list[str]:
    """In whose name something in a database works who has no account here, as SQL has it; but for those of `like`."""

    def of(name: str) -> set[str]:
        parts = [
            f"SELECT HEX(definer) FROM information_schema.{where} WHERE {what}_schema = {quoted(name)}"
            for where, what in _ACTING.items()
        ]
        definers = [bytes.fromhex(row[0]).decode() for row in server.ask(f"{' UNION '.join(parts)};") if row[0]]
        return {_account(*(part.encode().hex() for part in definer.rpartition("@")[::2])) for definer in definers}

    known = {_account(*row) for row in server.ask(ACCOUNTS)}
    # A role acts without a host.
    return sorted(account for account in of(database) - of(like) if account not in known)


def _account(user: str, host: str) -> str:
    """Return an account, or a role, which has no host, as SQL has it; both come in hexadecimal."""
    name, place = (quoted(bytes.fromhex(part).decode()) for part in (user, host))
    return f"{name}@{place}" if host else name


def _pattern(database: str) -> str:
    """Return a database's name where a pattern is expected."""
    return database.replace("_", "\\_").replace("%", "\\%")
