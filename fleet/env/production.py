"""What belongs to production and must not be on a staging host, and what of a test must not be in production."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fleet.env.dotenv.checks import PLACEHOLDER, Finding
from fleet.env.secret_store import merging
from fleet.env.variables.formats import hostname_of
from fleet.env.variables.table import VARIABLES, declared
from fleet.errors import OperatorError
from fleet.inventory import hosts

if TYPE_CHECKING:
    from fleet.env.dotenv.dotenv_file import EnvFile
    from fleet.env.dotenv.files import HostFile
    from fleet.inventory.hosts import Host

Values = Mapping[str, str]
# Nothing shorter is a secret: two hosts may have it by chance.
_SHORTEST_SECRET = 8
_STRIPE = {"STRIPE_SECRET_KEY": "sk", "FRONTEND_STRIPE_KEY": "pk"}
_YES = {"true", "1", "yes", "on"}


def findings(file: HostFile) -> list[Finding]:
    """Return what is on the wrong side in a host's env file; what cannot be compared is a warning.

    Args:
        file: a host's; one that the inventory does not know counts as production.
    """
    fleet = hosts.load()
    if not any(host.staging for host in fleet if host.name == file.host):
        return keys(file.read, staging=False)
    problems = keys(file.read, staging=True)
    for host in hosts.production(fleet):
        problems += _compared(file.read, host)
    return list({(finding.grave, finding.name): finding for finding in reversed(problems)}.values())[::-1]


def keys(file: EnvFile, *, staging: bool) -> list[Finding]:
    """Return which payments would be real on a staging host, or play in production.

    Args:
        file: what was read.
        staging: whether it is a staging host's.
    """
    problems = _live(file.values) if staging else _test(file.values)
    return [Finding(staging, name, file.lines.get(name, 0), why, do) for name, why, do in problems]


def _live(values: Values) -> Iterator[tuple[str, str, str]]:
    for name, kind in _STRIPE.items():
        if "_live_" in values.get(name, "")[:8]:
            yield name, "is a live key, and this is a staging host", f"put the test key there: {kind}_test_…"
    passwords = [name for name in values if name.startswith("ROBOKASSA_PASSWORD") and values[name]]
    if passwords and values.get("ROBOKASSA_TEST_MODE", "").lower() not in _YES:
        yield passwords[0], "is set without ROBOKASSA_TEST_MODE, and this is a staging host", "set it to true"


def _test(values: Values) -> Iterator[tuple[str, str, str]]:
    for name, kind in _STRIPE.items():
        if "_test_" in values.get(name, "")[:8]:
            yield name, "is a test key", f"no customer can pay with it; production needs {kind}_live_…"
    if values.get("ROBOKASSA_TEST_MODE", "").lower() in _YES:
        yield "ROBOKASSA_TEST_MODE", "is on", "no payment at Robokassa is real; take the line out in production"


def _compared(file: EnvFile, host: Host) -> list[Finding]:
    """Return what a staging host's values have in common with a production host's."""
    try:
        theirs = merging.of_host(host).values()
    except OperatorError as problem:
        why = f"could not be compared: {problem.what}"
        return [Finding(False, f"{host.name}.env", None, why, "ask an operator of production to check this file too")]
    return list(_shared(file, theirs, host.name))


def _shared(file: EnvFile, theirs: Values, host: str) -> Iterator[Finding]:
    secrets = {value: name for name, value in theirs.items() if _secret(name, value)}
    for name, value in file.values.items():
        line = file.lines.get(name, 0)
        if VARIABLES.get(name) and VARIABLES[name].exclusive and _place(value) == _place(theirs.get(name, "")) != "":
            yield Finding(True, name, line, f"is {host}'s", "staging must not reach what customers use: set its own")
        elif _secret(name, value) and value in secrets:
            # Of a name that no one declared it is not known whether it is a secret.
            known = name in VARIABLES or secrets[value] in VARIABLES
            why = f"is the same as {secrets[value]} of {host}"
            yield Finding(known, name, line, why, "a staging host has no secret of production: make or get another")


def _secret(name: str, value: str) -> bool:
    """Return whether a value is worth the name; a URL of the host's own network has nothing of another one."""
    own = "." not in hostname_of(value) and "://" in value
    return declared(name).secret and len(value) >= _SHORTEST_SECRET and not own and not PLACEHOLDER.fullmatch(value)


def _place(value: str) -> str:
    """Return where a value leads: the host of a URL, else the value itself."""
    return hostname_of(value) or value.strip().lower()
