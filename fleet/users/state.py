"""What the application's tables and variables say of its users: asked of a host, and what is missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.commands import accounts, postgres
from fleet.env.host import remote as environment
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet.remote import Remote

SECONDS = 60
MAIL = ("MAIL_HOST", "MAIL_USER", "MAIL_PASS")


@dataclass(frozen=True)
class State:
    """What there is on a host.

    Attributes:
        variables: of the backend, as they were pushed.
        email: the account that is asked about, in small letters.
        roles: that the application knows.
        administrators: their e-mail addresses.
        account: whether the account exists.
        prices: whether the account has prices.
        models, pbxs: how many AI models and PBXs there are; None: there is no table for them.
    """

    variables: Mapping[str, str]
    email: str
    roles: tuple[str, ...]
    administrators: tuple[str, ...]
    account: bool
    prices: bool
    models: int | None
    pbxs: int | None

    @property
    def mails(self) -> bool:
        """Whether the application can send mails: without them no one can sign up or log in by e-mail."""
        return all(self.variables.get(name) for name in MAIL)


def read(host: Remote, email: str = "") -> State:
    """Ask a host.

    Args:
        email: of an account; empty: ADMIN_EMAIL's.

    Raises:
        OperatorError: nothing was pushed to it, its database is none of PostgreSQL's, or has no tables yet.
    """
    variables = (environment.current(host, host.settings.app_dir) or {}).get("backend")
    if not variables:
        raise OperatorError(
            f"{host.name} has no variables yet.",
            "Without them there is no application, and so no account.",
            f"inv env.init --host={host.name}, then inv env.push --host={host.name} and inv deploy --host={host.name}",
        )
    if variables.get("DB_DIALECT") != "postgres":
        raise OperatorError(
            f"{host.name}: accounts can be read in PostgreSQL only.",
            f"Its DB_DIALECT is {variables.get('DB_DIALECT')!r}.",
            "Check the tables users, roles and user_roles there.",
        )
    wanted = (email or variables.get("ADMIN_EMAIL", "")).strip().lower()
    command = psql(host, variables, read_only=True)
    result = host.run(command, seconds=SECONDS, stdin=accounts.facts(wanted).encode())
    if result.code != 0:
        raise OperatorError(
            f"{host.name}: the application's accounts cannot be read.",
            result.last_words,
            f"inv status --host={host.name}",
        )
    if not result.out.strip():
        raise OperatorError(
            f"{host.name}: of the tables {', '.join(accounts.TABLES)} at least one is missing.",
            "The application makes its tables at its first start.",
            f"inv deploy --host={host.name}",
        )
    return parse(result.out, variables, wanted)


def psql(host: Remote, variables: Mapping[str, str], *, read_only: bool) -> str:
    """Return the command that runs a script on the application's tables, as the application's role.

    Args:
        variables: of the backend.
        read_only: whether every transaction may only read.
    """
    role = variables["DB_USER"]
    return postgres.psql(host.settings.compose_project, terminal=False, read_only=read_only, role=role)


def parse(output: str, variables: Mapping[str, str], email: str) -> State:
    """Read what the script of fleet/commands/accounts.py printed.

    Args:
        output: one JSON object.
        variables: of the backend.
        email: the account that was asked about.
    """
    answer = json.loads(output)
    named = tuple(str(address or "(no e-mail address)") for address in answer.pop("administrators"))
    return State(variables, email, roles=tuple(answer.pop("roles")), administrators=named, **answer)


def lacking(state: State, host: str) -> list[tuple[str, str, str]]:
    """Return what a user cannot do yet: its name, why, and what to do about it.

    Args:
        state: what there is.
        host: its name, for the commands.
    """
    administrator = f"inv user.admin --host={host}"
    where = "in the web interface, as an administrator:"
    names = []
    if not state.mails:
        missing = ", ".join(name for name in MAIL if not state.variables.get(name))
        why = f"no one can by e-mail: the application answers 500 without {missing}"
        names.append(("sign up and log in", why, f"inv env.edit --host={host}, then inv env.push and inv deploy"))
    if missing_roles := [role for role in (accounts.ADMINISTRATOR, accounts.USER) if role not in state.roles]:
        why = f"no one new can: there is no role {' and '.join(missing_roles)}; the backend makes it when it starts"
        names.append(("sign up", why, f"inv exec backend --host={host} -- kill 1"))
    if not state.administrators:
        names.append(("administer", "there is no administrator", administrator))
    if not state.prices:
        why = f"none are shown: {state.email}, whose prices are the public ones, " + (
            "has none" if state.account else "has no account"
        )
        names.append(("see prices", why, administrator))
    if state.models == 0:
        names.append(("make an assistant", "there is no AI model to choose", f"{where} AI models"))
    if state.pbxs == 0:
        names.append(("call", "no PBX is connected", f"{where} PBX servers, then inv deploy --host={host}"))
    return names
