"""The one table: every variable of the application, in the order in which operators read them."""

from __future__ import annotations

from fleet.env.variables import integrations, stack, tuning
from fleet.env.variables.declaration import Family, Section, Variable

SECTIONS: tuple[Section, ...] = (
    stack.HOST,
    stack.SECRETS,
    stack.REQUIRED_KEYS,
    integrations.PAYMENTS,
    integrations.ACCOUNTING,
    integrations.MAIL_AND_LOGIN,
    stack.TELEGRAM,
    stack.PBX,
    stack.ALERTS,
    stack.OFF_SITE,
    integrations.SPEECH,
    integrations.OTHERS,
    integrations.FRONTEND,
    tuning.LIMITS,
    tuning.BALANCE,
    tuning.OPERATORS,
    stack.FIXED,
    integrations.UNREAD,
)
VARIABLES: dict[str, Variable] = {variable.name: variable for section in SECTIONS for variable in section.variables}
FAMILIES: tuple[Family, ...] = tuple(family for section in SECTIONS for family in section.families)


def family_of(name: str) -> Family | None:
    """Return the family that a name belongs to, when it is not declared itself."""
    return next((family for family in FAMILIES if name.startswith(family.prefix)), None)


def declared(name: str) -> Variable:
    """Return what is known of `name`; an unknown name is a secret of the backend: the application grows."""
    if name in VARIABLES:
        return VARIABLES[name]
    family = family_of(name)
    if family:
        return Variable(name=name, help=family.help, secret=family.secret, read_by=family.read_by)
    return Variable(name=name, help="Not declared.", secret=True)


def suggestion(name: str) -> str | None:
    """Return the declared name that was probably meant by `name`; a member of a family needs to be closer to it."""
    import difflib

    cutoff = 0.8 if family_of(name) else 0.7
    close = difflib.get_close_matches(name.upper(), VARIABLES, n=1, cutoff=cutoff)
    return close[0] if close else None
