"""A dump becomes a database, with nothing but what came with it: its roles, how it was made, what it has itself.

A restore and a verification do this in the same way: what is verified on a server that knows nothing comes back on one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aipbx_agent.databases.engine import Engine
from aipbx_agent.databases.mysql.engine import MySQL
from aipbx_agent.databases.postgres import set_roles
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.databases.postgres.set_roles import Roles
from aipbx_agent.databases.quoting import identifier
from aipbx_agent.roles import declare as owners


@dataclass(frozen=True)
class Load:
    """What is loaded.

    Args:
        dump: the file.
        role: that of the application where it was taken; empty: unknown.
        roles: those that it needs (Contents.roles); empty: the dump alone knows.
        owner: whose it shall be; empty: the superuser's.
        tables: whose rows are loaded; none: all.
        like: for MySQL, the database whose characters and rights it gets.
    """

    dump: Path
    role: str = ""
    roles: Roles | None = None
    owner: str = ""
    tables: tuple[str, ...] = ()
    like: str = ""


def load(server: Engine, what: Load, database: str, begin: Callable[[list[str]], None]) -> list[str]:
    """Load into a new database.

    Args:
        server: where to.
        what: is loaded.
        begin: called with the names of the roles that are about to be made.

    Returns: what operators should know.

    Raises:
        Failed: at the first error.
    """
    if isinstance(server, MySQL):
        server.create(database, what.like)
        server.restore(what.dump, database, what.tables)
        return []
    assert isinstance(server, Postgres)  # noqa: S101  there is no third kind
    about = server.about(what.dump)
    roles = what.roles or set_roles.named(server, what.dump, about, database)
    if what.role:
        roles = {what.role: {}, **roles}
    created = set_roles.lacking(server, roles)
    begin(created)
    set_roles.make(server, roles, created)
    notes = server.create(database, about, what.owner)
    server.restore(what.dump, database, what.tables)
    errors = server.attempt(about.given_to(identifier(database)))
    notes += [f"Not as it was: {line}" for line in errors.splitlines() if "ERROR:" in line]
    notes += set_roles.hand_over(server, database, what.role, what.owner or what.role, created)
    owners.own(server, database)
    notes += set_roles.settings(server, roles.get(what.role, {}), what.owner)
    server.add_event_triggers(what.dump, database)
    leftover = set_roles.lacking(server, {name: {} for name in created})
    return [*set_roles.notes(roles, [name for name in created if name not in leftover]), *notes]
